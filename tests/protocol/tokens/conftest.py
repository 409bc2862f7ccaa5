"""A tenant whose keys, resource and client are those of the corpus of forgeries, in a real database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from authsvc.app import key_policy, read_master_keys
from authsvc.crypto import opaque
from authsvc.domain.keyring import KeyRecord, Keyring
from authsvc.domain.parties.resources import Resource
from authsvc.domain.people.users import User
from authsvc.domain.tenants import Tenant
from authsvc.domain.tokens.access_tokens import OpaqueAccessToken
from authsvc.protocol.tokens.state import LiveToken, judge_access_token
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.crypto.issuer import AUDIENCE, ISSUER, KEYS, NOW, claims
from tests.flows.conftest import small_world
from tests.flows.world import World, a_client, running_world

__all__ = ["small_world"]
AT = datetime.fromtimestamp(NOW, UTC)
LONG_AGO = AT - timedelta(days=30)


@dataclass(slots=True)
class Court:
    """The judge, what it is shown, and the rows that it looks at."""

    world: World
    tenant: Tenant
    uow: SqlUnitOfWork
    keyring: Keyring

    def judge(self, presented: str, now: datetime = AT) -> LiveToken:
        return judge_access_token(presented, self.tenant, self.uow, self.keyring, now)

    def keep(self, **changed: Any) -> str:
        """An opaque token of these claims, stored as the mint stores them."""
        presented = opaque.new_secret(opaque.ACCESS_TOKEN)
        found = {**claims(**changed)}
        kept = OpaqueAccessToken(opaque.hash_secret(presented), found, AT + timedelta(hours=1))
        self.change(lambda uow: uow.access_tokens.add(kept))
        return presented

    def change(self, act: Callable[[SqlUnitOfWork], object]) -> None:
        with self.world.change(self.tenant) as uow:
            act(uow)


@pytest.fixture
def court(small_world: World) -> Iterator[Court]:
    with _sitting(small_world) as court:
        yield court


@pytest.fixture(scope="module")
def shared_court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """For tables of refusals, which change nothing that another could meet."""
    directory = tmp_path_factory.mktemp("court")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world, _sitting(world) as court:
        yield court


@contextmanager
def _sitting(world: World) -> Iterator[Court]:
    tenant = Tenant(uuid4(), "acme", ISSUER, None, "/t/acme", False, LONG_AGO)
    keyring = Keyring(read_master_keys(world.settings), key_policy(world.settings))
    with world.change(tenant) as uow:
        uow.tenants.add(tenant)
        uow.resources.add(Resource(AUDIENCE, "orders", frozenset({"orders:read"}), "ES256", None, LONG_AGO))
        for client_id in ("orders", "user-1"):  # whose token it is, and whom it speaks of
            uow.clients.add(a_client(client_id, LONG_AGO))
        for key in KEYS.values():
            uow.keys.add(KeyRecord(key.kid, key.algorithm, 1, b"not needed", key.public, LONG_AGO, LONG_AGO))
    uow = world.storage.unit_of_work(tenant.id)
    try:
        yield Court(world, tenant, uow, keyring)
    finally:
        uow.close()


@pytest.fixture
def person(court: Court) -> User:
    user = User(uuid4(), "paula", None, False, None, None, LONG_AGO)
    court.change(lambda uow: uow.users.add(user))
    return user
