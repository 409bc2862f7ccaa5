"""Bodies for /api-keys that a stranger made so that the server itself trips over them."""

from collections.abc import Iterator

import pytest

from tests.flows.api_keys import ORDERS, WANTED, Keys, with_keys
from tests.flows.world import running_world

_SCALARS = (None, True, 0, -1, 1.5, 1e308, 10**400, "", "x")
_VALUES: tuple[object, ...] = (*_SCALARS, [], [None], [[]], [{}], {}, {"a": [{}]}, ["x"] * 99)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    directory = tmp_path_factory.mktemp("attacked-keys")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield with_keys(world)


def test_a_field_that_is_null_is_as_one_that_is_not_there(keys: Keys):
    answer = keys.world.http.post(
        "/api-keys", json={**WANTED, "resources": None, "expires_in": None, "expires_at": None}, headers=keys.bearer()
    )
    assert (answer.status_code, answer.json()["resources"]) == (201, [ORDERS])


@pytest.mark.parametrize("field", ["name", "scopes", "resources", "expires_in", "expires_at", "unknown"])
def test_no_kind_of_value_in_any_field_is_a_fault_of_the_servers(keys: Keys, field: str):
    for value in _VALUES:
        for headers in ({}, keys.bearer()):
            answer = keys.world.http.post("/api-keys", json={**WANTED, field: value}, headers=headers)
            assert answer.status_code in ({401, 422} if not headers else {201, 422}), (value, answer.text)
            assert answer.json().get("error", "") in {"", "missing_token", "invalid_fields"}
            if answer.status_code == 201:
                keys.world.http.delete(f"/api-keys/{answer.json()['id']}", headers=headers)
