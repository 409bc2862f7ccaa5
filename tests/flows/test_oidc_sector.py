"""The sector of a client that registers: its document names every redirect URI (OpenID Connect Registration §5)."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from authsvc.settings import Outbound
from tests.flows.registering import METADATA, REDIRECT_URI, an_initial_token, let, manage, post, stored
from tests.flows.world import World, running_world
from tests.outbound.strangers import Serve, Stranger, an_answer, answering, stranger

OTHER = "https://shop.example/other"


Opened = tuple[World, Stranger]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Serve | bytes], Opened]]:
    """A world beside a sector's host that serves so."""
    with ExitStack() as open_:

        def begin(served: Serve | bytes) -> Opened:
            sector = open_.enter_context(stranger(served))
            allowed = Outbound(allowed_hosts=(f"127.0.0.1:{sector.port}",))
            url = f"sqlite:///{tmp_path}/authsvc.db"
            world = open_.enter_context(running_world(url, tmp_path, outbound=allowed))
            let(world)
            return world, sector

        yield begin


def _register(world: World, sector: Stranger, **changed: Any) -> httpx.Response:
    uri = f"http://127.0.0.1:{sector.port}/uris"
    return post(world, an_initial_token(world), sector_identifier_uri=uri, subject_type="pairwise", **changed)


@pytest.mark.parametrize(
    ("body", "uris", "status"),
    [
        pytest.param(json.dumps([REDIRECT_URI, OTHER]).encode(), [REDIRECT_URI, OTHER], 201, id="all"),
        pytest.param(json.dumps([REDIRECT_URI, OTHER]).encode(), [OTHER], 201, id="more than needed"),
        pytest.param(json.dumps([REDIRECT_URI]).encode(), [REDIRECT_URI, OTHER], 400, id="one lacks"),
        pytest.param(json.dumps([REDIRECT_URI + "/"]).encode(), [REDIRECT_URI], 400, id="another spelling"),
        pytest.param(json.dumps([REDIRECT_URI[:-1]]).encode(), [REDIRECT_URI], 400, id="a beginning"),
        pytest.param(b"[]", [REDIRECT_URI], 400, id="none"),
        pytest.param(json.dumps({REDIRECT_URI: 1}).encode(), [REDIRECT_URI], 400, id="an object"),
        pytest.param(json.dumps(REDIRECT_URI).encode(), [REDIRECT_URI], 400, id="a text"),
        pytest.param(json.dumps([REDIRECT_URI, 7]).encode(), [REDIRECT_URI], 400, id="a number among them"),
        pytest.param(json.dumps([[REDIRECT_URI]]).encode(), [REDIRECT_URI], 400, id="a list in the list"),
        pytest.param(b"<html>", [REDIRECT_URI], 400, id="no JSON"),
    ],
)
def test_the_document_must_name_every_redirect_uri(
    opened: Callable[[bytes], Opened], body: bytes, uris: list[str], status: int
):
    world, sector = opened(an_answer(body))
    answer = _register(world, sector, redirect_uris=uris)
    assert answer.status_code == status, answer.text
    if status == 201:
        client = stored(world, answer.json()["client_id"])
        assert client is not None
        assert client.relying_party.sector == "127.0.0.1"
    else:
        assert answer.json()["error"] == "invalid_client_metadata"
        assert "sector_identifier_uri" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "served", [an_answer(status="404 Not Found"), an_answer(b"[]", "text/html"), an_answer(b"x" * 100_000), b"nonsense"]
)
def test_a_document_that_cannot_be_read_is_refused_in_the_same_words(opened: Callable[[bytes], Opened], served: bytes):
    world, sector = opened(served)
    answer = _register(world, sector)
    assert answer.status_code == 400
    assert answer.json()["error_description"] == "sector_identifier_uri: cannot be read"


def test_a_new_redirect_uri_is_looked_up_in_a_new_copy(opened: Callable[[Serve | bytes], Opened]):
    served = answering(
        an_answer(json.dumps([REDIRECT_URI]).encode()), an_answer(json.dumps([REDIRECT_URI, OTHER]).encode())
    )
    world, sector = opened(served)
    client = _register(world, sector).json()
    uri = client["sector_identifier_uri"]
    wanted = METADATA | {"redirect_uris": [REDIRECT_URI, OTHER], "sector_identifier_uri": uri}
    assert manage(world, "PUT", client, json=wanted).status_code == 200
    wanted["redirect_uris"] = [REDIRECT_URI, "https://evil.example/"]
    assert manage(world, "PUT", client, json=wanted).status_code == 400
    kept = stored(world, client["client_id"])
    assert kept is not None
    assert kept.relying_party.redirect_uris == (REDIRECT_URI, OTHER)


def test_a_redirect_uri_that_the_sector_has_withdrawn_is_refused(opened: Callable[[Serve | bytes], Opened]):
    """A copy of the document must not speak for it (oidcc-registration-sector-bad of OpenID's certification)."""
    good, bad = an_answer(json.dumps([REDIRECT_URI]).encode()), an_answer(json.dumps([OTHER]).encode())
    world, sector = opened(answering(good, bad, good, bad))
    for status in (201, 400, 201, 400):
        answer = _register(world, sector)
        assert answer.status_code == status
    assert answer.json()["error"] == "invalid_client_metadata"


def test_what_a_client_had_is_not_asked_for_again(opened: Callable[[Serve | bytes], Opened]):
    """Else the sector's host could keep others from changing, or from disabling, the client."""
    world, sector = opened(answering(an_answer(json.dumps([REDIRECT_URI, OTHER]).encode())))
    client = _register(world, sector, redirect_uris=[REDIRECT_URI, OTHER]).json()
    wanted = METADATA | {"redirect_uris": [OTHER], "sector_identifier_uri": client["sector_identifier_uri"]}
    assert manage(world, "PUT", client, json=wanted).status_code == 200
    assert sector.connections == 1


def test_nobody_is_asked_for_a_registration_that_is_refused_anyway(opened: Callable[[bytes], Opened]):
    world, sector = opened(an_answer(json.dumps([REDIRECT_URI]).encode()))
    uri = f"http://127.0.0.1:{sector.port}/uris"
    assert post(world, None, sector_identifier_uri=uri).status_code == 401
    assert post(world, an_initial_token(world), sector_identifier_uri=uri, logo_uri="x:").status_code == 400
    assert sector.connections == 0
