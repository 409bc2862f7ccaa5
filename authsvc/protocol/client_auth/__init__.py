"""Client authentication: one file per method, and the table of them. Methods never import each other."""

from typing import Protocol

from authsvc.domain.clients import Client
from authsvc.domain.ports import Clients
from authsvc.protocol.client_auth import client_secret_basic, client_secret_post, none
from authsvc.protocol.credentials import Credentials, Presentable
from authsvc.protocol.errors import InvalidClient, InvalidRequest


class Method(Protocol):
    """A client-authentication method is a module of this shape."""

    @property
    def METHOD(self) -> str: ...  # noqa: N802 - a module's constant

    def presented(self, request: Presentable) -> Credentials | None:
        """Return the credentials if the request carries any of this method. Raises: ProtocolError if malformed."""
        ...

    def authenticate(self, credentials: Credentials, client: Client) -> bool:
        """Whether the credentials are this client's."""
        ...


METHODS: dict[str, Method] = {
    method.METHOD: method for method in (client_secret_basic, client_secret_post, none)
}  # fmt: skip
_ONE_REGISTRATION = {"client_secret_post": "client_secret_basic"}
"""Basic and post of one secret count as one registration."""


def authenticate_client(request: Presentable, clients: Clients) -> Client:
    """Return the client that made the request.

    Exactly one method may be presented, and it must be the registered one (RFC 6749 §2.3).
    Raises: InvalidRequest for two methods or two ids, else InvalidClient, the same for every reason.
    """
    method, credentials = _single(request)
    client = clients.get(credentials.client_id)
    if client is None:
        raise _refused("unknown client", None)
    if _registration(client.auth_method) != _registration(method.METHOD):
        raise _refused(f"registered for {client.auth_method}, presented {method.METHOD}", client)
    if not method.authenticate(credentials, client):
        raise _refused("wrong secret", client)
    if client.disabled_at is not None:
        raise _refused("disabled", client)
    return client


def _single(request: Presentable) -> tuple[Method, Credentials]:
    found = [
        (method, credentials) for method in METHODS.values() if (credentials := method.presented(request)) is not None
    ]
    if not found:
        raise InvalidClient("client authentication is missing", rule="client_authentication_missing")
    if len(found) > 1:
        raise InvalidRequest("more than one client authentication method", rule="client_authentication_repeated")
    method, credentials = found[0]
    if request.parameters.get("client_id", credentials.client_id) != credentials.client_id:
        raise InvalidRequest("client_id differs from the authenticated client", rule="client_id_differs")
    return method, credentials


def _registration(method: str) -> str:
    return _ONE_REGISTRATION.get(method, method)


def _refused(detail: str, client: Client | None) -> InvalidClient:
    error = InvalidClient("client authentication failed", detail=detail, rule="client_authentication_failed")
    return error.about(client_id=client.id if client else None)
