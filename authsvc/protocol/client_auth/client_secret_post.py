"""The secret in the body (RFC 6749 §2.3.1)."""

from authsvc.domain.parties.clients import Client, secret_matches
from authsvc.protocol.credentials import PROVED, Credentials, Presentable, Proof, Proving
from authsvc.protocol.errors import InvalidClient

METHOD = "client_secret_post"


def presented(request: Presentable) -> Credentials | None:
    """Return id and secret of the body. Raises: InvalidClient for a secret without an id."""
    secret = request.parameters.get("client_secret")
    if secret is None:
        return None
    client_id = request.parameters.get("client_id")
    if client_id is None:
        if request.authorization is not None:
            return Credentials("", secret)
        raise InvalidClient("client_secret without client_id")
    return Credentials(client_id, secret)


def authenticate(credentials: Credentials, client: Client, proving: Proving) -> Proof | None:
    """Return the proof if it is one of the client's live secrets."""
    presented_secret = credentials.presented_secret
    return PROVED if presented_secret is not None and secret_matches(client, presented_secret) else None
