"""ID tokens of ours that come back as a hint: who was told what, long after they have expired."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from authsvc.crypto import jws
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.claims import LATEST_INSTANT, Expectation
from authsvc.crypto.errors import TokenError
from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.protocol.errors import InvalidRequest
from authsvc.protocol.tokens import id_token

_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Hint:
    """What an ID token says: the client that was told, of whom, of which session (as it knows it), and when."""

    client_id: str
    subject: str
    session_id: UUID | None
    issued_at: datetime

    def is_of(self, client: Client) -> bool:
        """Whether this client was told: it, and not an earlier one of the same id."""
        return self.client_id == client.id and int(self.issued_at.timestamp()) >= int(client.created_at.timestamp())


def read_hint(presented: str, tenant: Tenant, uow: UnitOfWork, keyring: Keyring, now: datetime) -> Hint:
    """Return what the ID token says, if this issuer has signed it; it may have expired.

    It is judged as of the instant it was made, so that a key that was retired since still counts; a revoked one does
    not. Raises: InvalidRequest. Source: OpenID Connect Core §3.1.2.1, RP-Initiated Logout 1.0 §2.
    """
    try:
        claims = jws.peek(presented).claims
        issued, audience = claims.get("iat"), claims.get("aud")
        if type(issued) is not int or not 0 <= issued <= min(LATEST_INSTANT, now.timestamp() + _SKEW_SECONDS):
            raise _refused("iat is no instant of the past")
        if not isinstance(audience, str) or not audience:
            raise _refused("aud is no client")
        expected = Expectation(frozenset(SIGNING_ALGORITHMS), id_token.TYPE, tenant.issuer, audience)
        issued_at = datetime.fromtimestamp(issued, UTC)
        verified = keyring.verify(presented, expected, uow, issued_at)
        told = verified.get("sid")
        session_id = None if told is None else UUID(told)
    except TokenError as error:
        raise _refused(f"{error.rule}: {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise _refused("sid is no session") from error
    return Hint(audience, str(verified["sub"]), session_id, issued_at)


def _refused(detail: str) -> InvalidRequest:
    return InvalidRequest("id_token_hint is no ID token of this issuer", detail=detail, rule="id_token_hint")
