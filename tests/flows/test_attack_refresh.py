"""Refresh tokens that outlive what they stand on."""

from pathlib import Path

from tests.flows.in_process import AppClient, running_app
from tests.flows.world import World, a_client


def test_a_client_that_takes_the_id_of_a_deleted_one_cannot_use_its_refresh_tokens(world: World) -> None:
    token = world.refresh_token()
    world.clock.move(seconds=5)
    with world.change() as uow:
        old = uow.clients.get("app")
        assert old is not None
        uow.clients.delete("app")
        uow.clients.add(a_client("app", world.clock(), **_settings_of(old)))
    refused = world.refresh(token)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert world.refresh(world.refresh_token()).status_code == 200


def test_a_clock_that_is_set_back_does_not_make_a_used_token_good_again(small_world: World) -> None:
    token = small_world.refresh_token()
    assert small_world.refresh(token).status_code == 200
    small_world.clock.move(hours=-1)
    assert small_world.refresh(token).status_code == 400


def test_a_node_whose_clock_is_a_little_behind_still_repeats_a_lost_answer(small_world: World) -> None:
    token = small_world.refresh_token()
    first = small_world.refresh(token).json()["refresh_token"]
    small_world.clock.move(seconds=-50)
    assert small_world.refresh(token).json()["refresh_token"] == first


def _settings_of(client: object) -> dict[str, object]:
    names = ("auth_method", "first_party", "grant_types", "scopes", "resources", "origins")
    return {name: getattr(client, name) for name in names}


def test_nodes_whose_clocks_differ_use_one_key_for_refresh_tokens(migrated_url: str, tmp_path: Path) -> None:
    with running_app(migrated_url, tmp_path) as client:
        client.clock.move(hours=2)
        username = client.register()
        ahead = client.login(username)["refresh_token"]
        for seconds in (2, 3_600):
            client.clock.move(seconds=-seconds)
            behind = client.login(username)["refresh_token"]
            client.clock.move(seconds=seconds)
            assert _refreshed(client, behind) == 200
        assert _refreshed(client, ahead) == 200


def _refreshed(client: AppClient, token: str) -> int:
    posted = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client.client_id}
    return int(client.http.post("/token", data=posted).status_code)
