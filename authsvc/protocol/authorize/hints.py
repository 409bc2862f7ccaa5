"""Whom the client believes to be here: an ID token of ours, which may have expired."""

from dataclasses import replace
from datetime import UTC, datetime

from authsvc.crypto import jws
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.claims import LATEST_INSTANT, Expectation
from authsvc.crypto.errors import TokenError
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidRequest
from authsvc.protocol.tokens import id_token

_ALGORITHMS = frozenset(SIGNING_ALGORITHMS)


def check_id_token_hint(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Read who it must be from an ID token that this server gave this client. Raises: InvalidRequest.

    Source: OpenID Connect Core §3.1.2.1.
    """
    presented = request.parameters.get("id_token_hint")
    if presented is None:
        return request
    subject = subject_of_hint(presented, request.tenant.issuer, request.client.id, judging)
    return replace(request, subjects=(*request.subjects, frozenset({subject})))


def subject_of_hint(presented: str, issuer: str, client_id: str, judging: Judging) -> str:
    """Return the subject of an ID token of ours, expired or not. Raises: InvalidRequest for anything else."""
    expected = Expectation(_ALGORITHMS, id_token.TYPE, issuer, client_id)
    try:
        issued_at = jws.peek(presented).claims.get("iat")
        if not isinstance(issued_at, int) or not 0 <= issued_at <= min(LATEST_INSTANT, judging.now.timestamp() + 60):
            raise _refused("iat is no instant of the past")
        # As of the instant it was made: an ID token has done its work soon, but says for ever who somebody was.
        claims = judging.issuing.keyring.verify(
            presented, expected, judging.uow, datetime.fromtimestamp(issued_at, UTC)
        )
    except TokenError as error:
        raise _refused(f"{error.rule}: {error}") from error
    return str(claims["sub"])


def _refused(detail: str) -> InvalidRequest:
    return InvalidRequest("id_token_hint is no ID token that this client was given here", detail=detail, rule="hint")
