"""Public clients: they name themselves and prove nothing (RFC 6749 §2.1)."""

from authsvc.domain.clients import Client
from authsvc.protocol.credentials import Credentials, Presentable

METHOD = "none"


def presented(request: Presentable) -> Credentials | None:
    """Return the bare client id, if nothing else is presented."""
    client_id = request.parameters.get("client_id")
    if client_id is None or "client_secret" in request.parameters or request.authorization is not None:
        return None
    return Credentials(client_id)


def authenticate(credentials: Credentials, client: Client) -> bool:
    """Whether the client is one that has nothing to prove."""
    return client.is_public and credentials.presented_secret is None
