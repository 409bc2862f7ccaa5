"""What a person agrees to: scopes, audiences, and single claims that the scopes would not tell.

The consent page judges the errand's request again (`pipeline.judge`), shows what is new of it, and stores `agreed`.
"""

from datetime import datetime
from uuid import UUID

from authsvc.domain.parties.clients import Client
from authsvc.domain.sign_in.consents import Consent
from authsvc.protocol.authorize.request import AuthorizationRequest
from authsvc.protocol.claims import beyond_scopes


def is_trusted(client: Client) -> bool:
    """Whether an administrator has agreed for everybody."""
    return client.first_party or client.relying_party.skips_consent


def is_covered(request: AuthorizationRequest, consent: Consent | None) -> bool:
    """Whether the person has agreed to all of it before."""
    claims = beyond_scopes(request.claims, request.scopes)
    return consent is not None and consent.covers(request.scopes, request.audiences, claims)


def agreed(request: AuthorizationRequest, user_id: UUID, now: datetime) -> Consent:
    """Return the consent to everything that the request asks for, to be given once the person has said yes."""
    claims = beyond_scopes(request.claims, request.scopes)
    return Consent(user_id, request.client.id, request.scopes, request.audiences, claims, given_at=now, changed_at=now)
