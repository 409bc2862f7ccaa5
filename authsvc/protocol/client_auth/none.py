"""Public clients: they name themselves and prove nothing (RFC 6749 §2.1)."""

from authsvc.domain.parties.clients import Client
from authsvc.protocol.credentials import PROVED, Credentials, Presentable, Proof, Proving

METHOD = "none"
_SECRETS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


def presented(request: Presentable) -> Credentials | None:
    """Return the bare client id, if nothing else is presented."""
    client_id = request.parameters.get("client_id")
    if client_id is None or request.authorization is not None or not _SECRETS.isdisjoint(request.parameters):
        return None
    return Credentials(client_id)


def authenticate(credentials: Credentials, client: Client, proving: Proving) -> Proof | None:
    """Return the proof if the client is one that has nothing to prove."""
    return PROVED if client.is_public and credentials.presented_secret is None else None
