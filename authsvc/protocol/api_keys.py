"""API keys: who may have which, and what a presented one is worth, at the exchange for a token and at introspection."""

from dataclasses import replace
from datetime import datetime, timedelta

from authsvc.crypto import opaque
from authsvc.domain.parties.clients import Client
from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.api_keys import USE_RECORDED_SECONDS, ApiKey, KeyOwner
from authsvc.protocol.errors import InvalidGrant, InvalidToken, UnauthorizedClient

_USE_RECORDED = timedelta(seconds=USE_RECORDED_SECONDS)
_MOST_APPS = 1_000
_FOR_ITSELF = "client_credentials"


def judge_api_key(presented: str, uow: UnitOfWork, now: datetime) -> ApiKey:
    """Return the key if it is known and alive and its owner may act; reads only.

    A service key comes back within what its client may have now, which may be less than when the key was made.
    Raises: InvalidGrant, in the same words for every reason.
    """
    # The checksum spares typing errors the look-up; the hash is what finds.
    if not opaque.is_well_formed(opaque.API_KEY, presented):
        raise _refused("malformed", None)
    key = uow.api_keys.find(opaque.hash_secret(presented))
    if key is None:
        raise _refused("unknown", None)
    if key.revoked_at is not None:
        raise _refused("revoked", key)
    if not key.is_alive(now):
        raise _refused("expired", key)
    return _of_user(key, uow) if key.user_id is not None else _of_client(key, uow)


def record_use(key: ApiKey, uow: UnitOfWork, now: datetime) -> None:
    """Write down that the key was used, at most once a minute; begins the transaction only if there is need.

    The statement itself leaves a fresher entry alone: what was read before only spares most uses the write.
    """
    if key.last_used_at is not None and now - key.last_used_at < _USE_RECORDED:
        return
    uow.begin()
    uow.api_keys.record_use(key.id, now)


def person_as_owner(user: User, client_id: str, uow: UnitOfWork) -> KeyOwner:
    """Return what a key of this person may reach: what the app that they use may have. Raises: InvalidToken."""
    client = uow.clients.get(client_id)
    if client is None:
        # It went between two statements.
        raise InvalidToken("the client is gone").about(user_id=user.id)
    return KeyOwner(user.id, None, client.scopes, client.resources)


def person_by_themselves(user: User, uow: UnitOfWork) -> KeyOwner:
    """Return what a key of this person may reach who comes without an app: what the first-party apps may have.

    They could have it by any of them. Of the first thousand clients, which nobody runs out of.
    """
    apps = [client for client in uow.clients.list(None, _MOST_APPS) if client.first_party and not client.disabled_at]
    scopes = frozenset[str]().union(*(client.scopes for client in apps))
    return KeyOwner(user.id, None, scopes, frozenset[str]().union(*(client.resources for client in apps)))


def service_as_owner(client: Client) -> KeyOwner:
    """Return what a key of this client may reach: what it may have itself.

    Raises: UnauthorizedClient if it may not get tokens for itself: a key must not be the way around that.
    """
    if client.is_public or _FOR_ITSELF not in client.grant_types:
        raise UnauthorizedClient("this client may not act for itself").about(client_id=client.id)
    return KeyOwner(None, client.id, client.scopes, client.resources)


def _of_user(key: ApiKey, uow: UnitOfWork) -> ApiKey:
    user = uow.users.get(key.user_id) if key.user_id is not None else None
    if user is None or user.disabled_at is not None:
        raise _refused("the user is gone or disabled", key)
    return key


def _of_client(key: ApiKey, uow: UnitOfWork) -> ApiKey:
    client = uow.clients.get(key.client_id) if key.client_id is not None else None
    if client is None or client.disabled_at is not None:
        raise _refused("the client is gone or disabled", key)
    if _FOR_ITSELF not in client.grant_types:
        raise _refused("the client may no longer act for itself", key)
    return replace(key, scopes=key.scopes & client.scopes, resources=key.resources & client.resources)


def _refused(detail: str, key: ApiKey | None) -> InvalidGrant:
    error = InvalidGrant(
        "the API key is unknown, expired or revoked", detail=f"API key: {detail}", rule="api_key_refused"
    )
    return error if key is None else error.about(client_id=key.client_id, user_id=key.user_id)
