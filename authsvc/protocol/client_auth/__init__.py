"""Client authentication: one file per method, and the table of them. Methods never import each other."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import UnitOfWork
from authsvc.errors import AuthsvcError, Conflict, StorageUnavailable
from authsvc.protocol.client_auth import (
    client_secret_basic,
    client_secret_jwt,
    client_secret_post,
    federated_assertion,
    none,
    private_key_jwt,
)
from authsvc.protocol.credentials import Assertion, Credentials, Presentable, Proof, Proving
from authsvc.protocol.errors import InvalidClient, InvalidRequest
from authsvc.protocol.grant import Issuing


class Method(Protocol):
    """A client-authentication method is a module of this shape."""

    @property
    def METHOD(self) -> str: ...  # noqa: N802 - a module's constant

    def presented(self, request: Presentable) -> Credentials | None:
        """Return the credentials if the request carries any of this method. Raises: ProtocolError if malformed."""
        ...

    def authenticate(self, credentials: Credentials, client: Client, proving: Proving) -> Proof | None:
        """Return the proof if the credentials are this client's. Reads only."""
        ...


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The client that made a request. `once` is its assertion, to be used up (`using_up`) by the request."""

    client: Client
    once: Assertion | None = None


METHODS: dict[str, Method] = {
    method.METHOD: method
    for method in (
        client_secret_basic, client_secret_post, none, private_key_jwt, client_secret_jwt, federated_assertion,
    )
}  # fmt: skip
_ASSERTION = frozenset({"client_assertion", "client_assertion_type"})
_WITHOUT_ASSERTION = (client_secret_basic, client_secret_post, none)
UNREGISTERED_METHODS = frozenset({federated_assertion.METHOD})
"""Our own names: metadata that others read leaves them out."""
ASSERTION_ALGORITHMS = private_key_jwt.ALGORITHMS | client_secret_jwt.ALGORITHMS
"""With these an assertion of a client's own may be signed, each under its method only."""
_TOLD_CHARACTERS = 256
_ONE_REGISTRATION = {"client_secret_post": "client_secret_basic"}
"""Basic and post of one secret count as one registration."""


def authenticate_client(request: Presentable, uow: UnitOfWork, issuing: Issuing) -> Authenticated:
    """Return the client that made the request.

    Exactly one method may be presented, and it must be the registered one (RFC 6749 §2.3).
    Raises: InvalidRequest for two methods or two ids, else InvalidClient, the same for every reason.
    """
    method, credentials = _single(request)
    client = _find(credentials, uow)
    if client is None:
        raise _refused(_unknown(credentials), None)
    if credentials.identity and request.parameters.get("client_id", client.id) != client.id:
        raise _refused("client_id is not the one of the external identity", client)
    if _registration(client.auth_method) != _registration(method.METHOD):
        raise _refused(f"registered for {client.auth_method}, presented {method.METHOD}", client)
    try:
        proof = method.authenticate(credentials, client, Proving(request.tenant, uow, issuing, request.now))
    except InvalidClient as error:
        error.about(client_id=client.id)
        raise
    if proof is None:
        raise _refused("wrong secret", client)
    if client.disabled_at is not None:
        raise _refused("disabled", client)
    return Authenticated(client, proof.once)


@contextmanager
def using_up(authenticated: Authenticated, uow: UnitOfWork) -> Iterator[None]:
    """Use the client's assertion up when the block has ended well: at the very end, when nothing can be refused.

    Where the block refuses, the assertion stays good; but who presents one that was used must not learn from the
    refusal what the tokens of the request are worth. Raises: InvalidClient if it was used before.
    """
    once = authenticated.once
    if once is None:
        yield
        return
    try:
        yield
    except (Conflict, StorageUnavailable):
        raise
    except AuthsvcError:
        if uow.replays.was_used(once.issued_by, once.id):
            raise _refused("the assertion was used before", authenticated.client) from None
        raise
    if not uow.replays.consume(once.issued_by, once.id, once.expires_at):
        raise _refused("the assertion was used before", authenticated.client)


def _find(credentials: Credentials, uow: UnitOfWork) -> Client | None:
    if credentials.identity is not None:
        return uow.clients.find_by_identity(*credentials.identity)
    return uow.clients.get(credentials.client_id)


def _single(request: Presentable) -> tuple[Method, Credentials]:
    # Most requests carry no assertion, and each of three methods would have to find that out.
    has_assertion = not _ASSERTION.isdisjoint(request.parameters)
    candidates: Iterable[Method] = METHODS.values() if has_assertion else _WITHOUT_ASSERTION
    found = [(method, credentials) for method in candidates if (credentials := method.presented(request)) is not None]
    if not found:
        raise InvalidClient("client authentication is missing", rule="client_authentication_missing")
    if len(found) > 1:
        raise InvalidRequest("more than one client authentication method", rule="client_authentication_repeated")
    method, credentials = found[0]
    if request.parameters.get("client_id", credentials.client_id) != credentials.client_id and not credentials.identity:
        raise InvalidRequest("client_id differs from the authenticated client", rule="client_id_differs")
    return method, credentials


def _unknown(credentials: Credentials) -> str:
    if credentials.identity is None:
        return "unknown client"
    issuer, subject = (text[:_TOLD_CHARACTERS] for text in credentials.identity)
    return f"no client is registered for {subject} of {issuer}"


def _registration(method: str) -> str:
    return _ONE_REGISTRATION.get(method, method)


def _refused(detail: str, client: Client | None) -> InvalidClient:
    error = InvalidClient("client authentication failed", detail=detail, rule="client_authentication_failed")
    return error.about(client_id=client.id if client else None)
