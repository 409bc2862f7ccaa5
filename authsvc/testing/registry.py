"""Makes what a test names and is not there yet: people, clients, resources."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID, uuid4

from authsvc.clock import utc_now
from authsvc.crypto.passwords import hash_password
from authsvc.domain.parties.clients import Client, with_new_secret
from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES, Resource
from authsvc.domain.people.users import User, canonical_login
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tokens.content import SignIn

APP, SERVICE, RESOURCE_SERVER = "app", "service", "resource-server"
PASSWORD = "seven green umbrellas"
"""Of every person: nobody but this run reaches the server."""
_ALGORITHM = "ES256"
_OF_NO_RESOURCE = IDENTITY_SCOPES | {ACCOUNT_SCOPE}


@dataclass(frozen=True, slots=True)
class Registry:
    """Works within a begun transaction of its caller's; `secrets` are those of the confidential clients."""

    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    def user(self, name: str, uow: UnitOfWork) -> User:
        """Return the person of this name, or of this id."""
        user_id = _user_id(name)
        found = uow.users.get(user_id) if user_id else uow.users.find_by_login(canonical_login(name))
        if found is not None:
            return found
        email = name if "@" in name else None
        user = User(
            id=user_id or uuid4(),
            username=f"user-{user_id}" if user_id else name.replace("@", "."),
            email=email,
            email_verified=email is not None,
            name=None,
            password_hash=_password_hash(),
            created_at=utc_now(),
        )
        uow.users.add(user)
        return user

    def signed_in(self, subject: str, client: Client, at: datetime, uow: UnitOfWork) -> SignIn | None:
        """Return a new sign-in of the person of this id; for another subject None, and it is a client that lives."""
        if _user_id(subject) is None:
            if uow.clients.get(subject) is None:
                self._new_client(subject, uow, is_service=False)
            return None
        sign_in = SignIn(self.user(subject, uow).id, uuid4(), at, ("pwd",))
        over_at = utc_now() + timedelta(days=1)
        uow.sessions.add(Session(sign_in.session_id, sign_in.user_id, client.id, at, sign_in.amr, over_at))
        return sign_in

    def resource(self, audience: str, scopes: frozenset[str], uow: UnitOfWork) -> str:
        """Let the resource have these scopes, but for those that are no resource's; return its algorithm."""
        own = scopes - _OF_NO_RESOURCE
        for known in uow.resources.list():
            if known.audience == audience:
                if not own <= known.scopes:
                    uow.resources.save(replace(known, scopes=known.scopes | own))
                return known.algorithm
        uow.resources.add(Resource(audience, audience, own, _ALGORITHM, None, utc_now()))
        return _ALGORITHM

    def is_of_resource(self, scopes: frozenset[str]) -> bool:
        """Whether these scopes, or their absence, are about a resource."""
        return not scopes or bool(scopes - _OF_NO_RESOURCE)

    def client(
        self, client_id: str, audience: str, scopes: frozenset[str], uow: UnitOfWork, *, is_service: bool = False
    ) -> Client:
        """Return the client, allowed to ask for these scopes at this resource: a first-party app, or a service."""
        known = uow.clients.get(client_id) or self._new_client(client_id, uow, is_service=is_service)
        allowed = replace(known, scopes=known.scopes | scopes, resources=known.resources | {audience})
        return uow.clients.save(allowed) if allowed != known else known

    def resource_server(self, audience: str, uow: UnitOfWork) -> tuple[str, str]:
        """Return id and secret of the client that serves this audience."""
        self.resource(audience, frozenset(), uow)
        known = uow.clients.get(RESOURCE_SERVER) or self._new_client(RESOURCE_SERVER, uow, is_service=True)
        if audience not in known.serves:
            uow.clients.save(replace(known, serves=known.serves | {audience}))
        return RESOURCE_SERVER, self.secrets[RESOURCE_SERVER]

    def _new_client(self, client_id: str, uow: UnitOfWork, *, is_service: bool) -> Client:
        # Earlier than any token: what is older than its client is refused.
        now = utc_now() - timedelta(days=1)
        client = Client(
            id=client_id, name=client_id, auth_method="client_secret_basic" if is_service else "none", secrets=(),
            first_party=not is_service, scopes=frozenset(), resources=frozenset(), origins=frozenset(),
            grant_types=frozenset({"client_credentials" if is_service else "refresh_token"}), profile="oauth2.1",
            id_token_algorithm=_ALGORITHM, created_at=now,
        )  # fmt: skip
        if is_service:
            client, self.secrets[client_id] = with_new_secret(client, now)
        uow.clients.add(client)
        return client


def _user_id(name: str) -> UUID | None:
    try:
        user_id = UUID(name)
    except ValueError:
        return None
    # The one spelling in which ids are told.
    return user_id if str(user_id) == name else None


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)
