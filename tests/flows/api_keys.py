"""People and services with API keys, and those who take them: a broker that exchanges them, an API that asks."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx

from authsvc.domain.tokens.api_keys import ApiKey
from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.grants import token_exchange
from authsvc.protocol.subject_token import API_KEY
from tests.flows.asking import add_client, add_server, introspect
from tests.flows.world import World, audience

ORDERS, BILLS = audience("ES256"), audience("EdDSA")
WANTED = {"name": "nightly", "scopes": ["es256:read"]}


def _door(algorithm: str) -> ExchangePolicy:
    scopes = (f"{algorithm.lower()}:read", f"{algorithm.lower()}:write")
    return ExchangePolicy(
        audience(algorithm), api_keys=True, scopes=tuple((scope, frozenset({scope})) for scope in scopes)
    )


@dataclass(slots=True)
class Keys:
    """The world, with `broker` and `api` in it."""

    world: World

    def bearer(self, username: str = "alice", **fields: Any) -> dict[str, str]:
        """The Authorization header of a person who has just signed in."""
        tokens = self.world.tokens(scope="account", username=username, **fields)
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    def basic(self, client: str = "svc") -> httpx.BasicAuth:
        return httpx.BasicAuth(client, self.world.secrets[client])

    def create(self, username: str = "alice", **changed: Any) -> httpx.Response:
        """POST /api-keys as a person."""
        return self.world.http.post("/api-keys", json={**WANTED, **changed}, headers=self.bearer(username))

    def create_service(self, client: str = "svc", **changed: Any) -> httpx.Response:
        """POST /api-keys as a service."""
        return self.world.http.post("/api-keys", json={**WANTED, **changed}, auth=self.basic(client))

    def personal(self, username: str = "alice", **changed: Any) -> dict[str, Any]:
        """The answer to a person who makes a key."""
        return _made(self.create(username, **changed))

    def service(self, client: str = "svc", **changed: Any) -> dict[str, Any]:
        """The answer to a service that makes a key."""
        return _made(self.create_service(client, **changed))

    def exchange(self, key: str, resource: str | None = ORDERS, **fields: Any) -> httpx.Response:
        """What the broker gets for a key."""
        given = {"subject_token": key, "subject_token_type": API_KEY, "resource": resource, **fields}
        return self.world.token("broker", token_exchange.GRANT_TYPE, **given)

    def is_active(self, key: str) -> bool:
        """What the API is told of a key."""
        answer = introspect(self.world, key)
        assert answer.status_code == 200, answer.text
        return answer.json()["active"] is True

    def is_good(self, key: str) -> bool:
        """Whether a key is taken, which must be the same everywhere."""
        exchanged, active = self.exchange(key), self.is_active(key)
        assert (exchanged.status_code == 200) == active, exchanged.text
        return active

    def stored(self, key_id: str, **of: Any) -> ApiKey:
        """What the database holds of a key."""
        with self.world.change() as uow:
            (found,) = (key for key in uow.api_keys.list(**of) if str(key.id) == key_id)
        return found

    def last_used_at(self, key_id: str) -> datetime | None:
        return self.stored(key_id, user_id=self.world.user().id).last_used_at

    def change_client(self, client_id: str, **changed: Any) -> None:
        with self.world.change() as uow:
            stored = uow.clients.get(client_id)
            assert stored is not None
            uow.clients.save(replace(stored, **changed))


def _made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def with_keys(world: World) -> Keys:
    """Add those who take keys to the world."""
    add_server(world, "api", "ES256", "EdDSA")
    add_client(
        world,
        "broker",
        grant_types=frozenset({token_exchange.GRANT_TYPE}),
        exchanges=(_door("ES256"), _door("EdDSA")),
    )
    return Keys(world)
