"""The cached stores on real databases: what one process changes, another sees within a second."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest

from authsvc.errors import LaneNeeded, StorageUnavailable
from authsvc.storage.cache import Cache
from authsvc.storage.sql.engine import Storage, open_storage
from authsvc.storage.sql.migrate import migrate
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.harness import postgres
from tests.storage.examples import (
    IDENTITY,
    LATER,
    LOOK,
    NOW,
    a_client,
    a_federated_client,
    a_key,
    a_resource,
    a_session,
    a_tenant,
    a_user,
    an_issuer,
)


@dataclass
class Node:
    """A process: its cache, its pool, its clock."""

    url: str
    now: float = 0.0
    cache: Cache = field(init=False)
    storage: Storage = field(init=False)

    def __post_init__(self) -> None:
        self.cache = Cache(monotonic=lambda: self.now)
        self.storage = open_storage(self.url, pool_size=2, cache=self.cache)


TENANT = uuid4()
TENANT_ROW = replace(a_tenant(), id=TENANT)


@pytest.fixture
def node(migrated_url: str) -> Iterator[Node]:
    opened = Node(migrated_url)
    yield opened
    opened.storage.close()


@pytest.fixture
def other_node(migrated_url: str) -> Iterator[Node]:
    opened = Node(migrated_url)
    yield opened
    opened.storage.close()


def _add_all(unit: SqlUnitOfWork) -> None:
    unit.tenants.add(TENANT_ROW)
    unit.clients.add(a_client())
    unit.clients.add(a_federated_client())
    unit.issuers.add(an_issuer())
    unit.resources.add(a_resource())
    unit.keys.add(a_key())


def _write(node: Node, act) -> None:
    unit = node.storage.unit_of_work(TENANT)
    unit.begin()
    act(unit)
    unit.commit()
    unit.close()


def _ask(unit: SqlUnitOfWork) -> tuple[object, ...]:
    return (
        (unit.tenants.at_host(None), unit.tenants.at_host("x"), unit.tenants.at_path("/t/x"), unit.tenants.default()),
        unit.clients.get("shop"),
        unit.clients.allows_origin("https://shop.example"),
        unit.resources.list(),
        unit.keys.list(),
        unit.clients.find_by_identity(IDENTITY.issuer, IDENTITY.subject),
        unit.issuers.get(ISSUER),
    )


def _read(node: Node, tenant_id: UUID = TENANT) -> tuple[object, ...]:
    unit = node.storage.unit_of_work(tenant_id)
    try:
        return _ask(unit)
    finally:
        unit.close()


ISSUER = an_issuer().issuer
ALL = ((TENANT_ROW, None, (), None), a_client(), True, (a_resource(),), (a_key(),), a_federated_client(), an_issuer())
NOTHING = ((None, None, (), None), None, False, (), (), None, None)


def _disable_all_clients(unit: SqlUnitOfWork) -> None:
    for client_id in ("shop", "robot"):
        unit.clients.disable(client_id, NOW)


CHANGES = [
    pytest.param(lambda unit: unit.tenants.disable(TENANT, NOW), 0, id="tenant disabled"),
    pytest.param(lambda unit: unit.tenants.add(a_tenant("second", host="x")), 0, id="tenant of a host added"),
    pytest.param(lambda unit: unit.tenants.add(a_tenant("second", path="/t/x")), 0, id="tenant of a path added"),
    pytest.param(lambda unit: unit.tenants.add(a_tenant("second", host="y", is_default=True)), 0, id="default added"),
    pytest.param(lambda unit: unit.tenants.set_look(TENANT, LOOK), 0, id="tenant's look"),
    pytest.param(lambda unit: unit.tenants.set_client_registration(TENANT, "open"), 0, id="who may register clients"),
    pytest.param(lambda unit: unit.clients.disable("shop", NOW), 1, id="client disabled"),
    pytest.param(lambda unit: unit.clients.save(replace(a_client(), name="x")), 1, id="client saved"),
    pytest.param(lambda unit: unit.clients.delete("shop"), 1, id="client deleted"),
    pytest.param(_disable_all_clients, 2, id="origin of disabled clients"),
    pytest.param(lambda unit: unit.resources.disable(a_resource().audience, NOW), 3, id="resource disabled"),
    pytest.param(lambda unit: unit.resources.save(replace(a_resource(), name="x")), 3, id="resource saved"),
    pytest.param(lambda unit: unit.resources.delete(a_resource().audience), 3, id="resource deleted"),
    pytest.param(lambda unit: unit.resources.add(a_resource("https://x.example")), 3, id="resource added"),
    pytest.param(lambda unit: unit.keys.revoke("kid-1", NOW), 4, id="key revoked"),
    pytest.param(lambda unit: unit.keys.retire("kid-1", LATER), 4, id="key retired"),
    pytest.param(lambda unit: unit.keys.add(a_key("new", ordinal=2)), 4, id="key added"),
    pytest.param(lambda unit: unit.clients.disable("robot", NOW), 5, id="client of an identity disabled"),
    pytest.param(
        lambda unit: unit.clients.save(replace(a_federated_client(), identities=())), 5, id="identity given up"
    ),
    pytest.param(lambda unit: unit.clients.delete("robot"), 5, id="client of an identity deleted"),
    pytest.param(lambda unit: unit.issuers.disable(ISSUER, NOW), 6, id="issuer disabled"),
    pytest.param(lambda unit: unit.issuers.save(replace(an_issuer(), name="x")), 6, id="issuer saved"),
    pytest.param(lambda unit: unit.issuers.delete(ISSUER), 6, id="issuer deleted"),
    pytest.param(
        lambda unit: unit.keys.set_private("kid-1", b"x", instead_of=a_key().private_encrypted), 4, id="key reencrypted"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "where"), CHANGES)
def test_another_nodes_change_is_seen_within_a_second(node: Node, other_node: Node, change, where: int):
    _write(other_node, _add_all)
    assert _read(node) == ALL
    _write(other_node, change)
    node.now += 0.999
    assert _read(node) == ALL
    node.now += 0.001
    assert _read(node)[where] != ALL[where]


@pytest.mark.parametrize(("change", "where"), CHANGES)
def test_a_nodes_own_change_is_seen_at_once(node: Node, change, where: int):
    _write(node, _add_all)
    assert _read(node) == ALL
    _write(node, change)
    assert _read(node)[where] != ALL[where]


@pytest.mark.parametrize(("change", "where"), CHANGES)
def test_a_change_that_is_rolled_back_is_seen_by_nobody_and_leaves_nothing(node: Node, change, where: int):
    _write(node, _add_all)
    assert _read(node) == ALL
    unit = node.storage.unit_of_work(TENANT)
    unit.begin()
    change(unit)
    assert _ask(unit)[where] != ALL[where]
    assert _read(node) == ALL
    unit.rollback()
    unit.close()
    node.now += 1
    assert _read(node) == ALL


def test_what_is_not_there_yet_is_seen_once_it_is(node: Node, other_node: Node):
    assert _read(node) == NOTHING
    _write(other_node, _add_all)
    node.now += 1
    assert _read(node) == ALL


def test_a_cached_answer_takes_no_connection(node: Node):
    _write(node, _add_all)
    _read(node)
    holders = [node.storage.unit_of_work(TENANT) for _ in range(2)]
    for holder in holders:
        holder.users.list(None, 1)
    assert _read(node) == ALL
    for holder in holders:
        holder.close()


def test_a_unit_of_work_from_memory_tells_what_is_cached_and_takes_no_connection(node: Node):
    _write(node, _add_all)
    _read(node)
    unit = node.storage.unit_of_work(TENANT, from_memory=True)
    assert _ask(unit) == ALL
    for needs_the_database in (
        lambda: unit.clients.get("unknown"),
        lambda: unit.clients.find_by_identity(ISSUER, "unknown"),
        lambda: unit.issuers.get("https://unknown.example"),
        lambda: unit.users.list(None, 1),
        unit.begin,
    ):
        with pytest.raises(LaneNeeded):
            needs_the_database()
    node.now += 1
    with pytest.raises(LaneNeeded):
        unit.clients.get("shop")


def test_one_tenants_cached_rows_are_not_anothers(node: Node):
    _write(node, _add_all)
    assert _read(node) == ALL
    assert _read(node, uuid4()) == (ALL[0], *NOTHING[1:])


def test_two_pools_around_one_cache_see_each_others_changes_at_once(node: Node, migrated_url: str):
    lane = Node(migrated_url)
    lane.storage.close()
    lane.storage = open_storage(migrated_url, pool_size=2, cache=node.cache)
    _write(node, _add_all)
    assert _read(lane) == ALL
    _write(lane, lambda unit: unit.clients.disable("shop", NOW))
    assert _read(node)[1] != ALL[1]
    lane.storage.close()


def test_a_key_that_another_node_was_quicker_to_add_is_read_past_the_cache(node: Node, other_node: Node):
    assert _read(node) == NOTHING
    _write(other_node, lambda unit: unit.keys.add(a_key("theirs")))
    unit = node.storage.unit_of_work(TENANT)
    unit.begin()
    assert unit.keys.list() == ()
    assert not unit.keys.add(a_key("ours"))
    assert [key.kid for key in unit.keys.list()] == ["theirs"]
    unit.close()


def test_users_and_sessions_are_never_cached(node: Node, other_node: Node):
    user = a_user()
    session = a_session(user)
    _write(node, lambda unit: (unit.users.add(user), unit.sessions.add(session)))
    reader = node.storage.unit_of_work(TENANT)
    assert reader.users.get(user.id) == user
    assert reader.sessions.get(session.id) == session
    _write(other_node, lambda unit: (unit.users.disable(user.id, NOW), unit.sessions.end(session.id, NOW)))
    assert reader.users.get(user.id) != user
    assert reader.sessions.get(session.id) != session
    reader.close()


def test_changes_of_people_do_not_raise_the_counter(node: Node):
    _write(node, _add_all)
    _read(node)
    epoch = node.cache._epoch
    _write(node, lambda unit: unit.users.add(a_user()))
    node.now += 1
    assert _read(node) == ALL
    assert node.cache._epoch is epoch


def test_while_postgresql_is_down_what_is_cached_serves_for_half_a_minute(own_postgres: postgres.Cluster):
    migrate(own_postgres.url())
    node = Node(own_postgres.url())
    _write(node, _add_all)
    assert _read(node) == ALL
    own_postgres.stop(immediate=True)
    node.now += 29.9
    assert _read(node) == ALL
    with pytest.raises(StorageUnavailable):
        node.storage.unit_of_work(TENANT).clients.get("unknown")
    node.now += 0.1
    with pytest.raises(StorageUnavailable):
        _read(node)
    own_postgres.start()
    node.now += 1
    assert _read(node) == ALL
    node.storage.close()
