"""Who a client is: every method, every mixture, every spelling (RFC 6749 §2.3, §3.2.1; RFC 7617)."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest

from tests.flows.world import FORM, World, audience

GRANT = "grant_type=client_credentials&scope=es256:read"


def basic(pair: str | bytes) -> str:
    octets = pair.encode() if isinstance(pair, str) else pair
    return "Basic " + base64.b64encode(octets).decode()


def post(world: World, body: str, *authorization: str) -> httpx.Response:
    headers = [("Content-Type", FORM), *(("Authorization", value) for value in authorization)]
    return world.http.post("/token", content=body.encode(), headers=headers)


def test_a_secret_is_taken_from_the_header_and_from_the_body_of_one_registration(small_world: World):
    for client in ("svc", "svc2"):
        secret = small_world.secrets[client]
        assert post(small_world, GRANT, basic(f"{client}:{secret}")).status_code == 200
        assert post(small_world, f"{GRANT}&client_id={client}&client_secret={secret}").status_code == 200


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param("Basic", id="usual"),
        pytest.param("basic", id="lower case"),
        pytest.param("BASIC", id="upper case"),
    ],
)
def test_the_scheme_is_named_in_any_case(small_world: World, spelled):
    header = basic(f"svc:{small_world.secrets['svc']}").replace("Basic", spelled)
    assert post(small_world, GRANT, header).status_code == 200


def test_id_and_secret_are_form_decoded(small_world: World):
    secret = "".join(f"%{ord(letter):02X}" for letter in small_world.secrets["svc"])
    assert post(small_world, GRANT, basic(f"%73vc:{secret}")).status_code == 200


def test_the_id_may_be_repeated_in_the_body_if_it_is_the_same(small_world: World):
    header = basic(f"svc:{small_world.secrets['svc']}")
    assert post(small_world, f"{GRANT}&client_id=svc", header).status_code == 200


def _mixtures(secrets: Mapping[str, str]) -> dict[str, tuple[list[str], int, str]]:
    secret, other = secrets["svc"], secrets["svc2"]
    good = basic(f"svc:{secret}")
    return {
        "basic and post": ([f"{GRANT}&client_id=svc&client_secret={secret}", good], 400, "invalid_request"),
        "basic and post of another": ([f"{GRANT}&client_id=svc2&client_secret={other}", good], 400, "invalid_request"),
        "basic and a secret without id": ([f"{GRANT}&client_secret={secret}", good], 400, "invalid_request"),
        "basic and another id": ([f"{GRANT}&client_id=svc2", good], 400, "invalid_request"),
        "basic and a public id": ([f"{GRANT}&client_id=app", good], 400, "invalid_request"),
        "two ids": ([f"{GRANT}&client_id=svc&client_id=svc2&client_secret={secret}"], 400, "invalid_request"),
        "the same id twice": ([f"{GRANT}&client_id=svc&client_id=svc&client_secret={secret}"], 400, "invalid_request"),
        "two secrets": (
            [f"{GRANT}&client_id=svc&client_secret={secret}&client_secret={secret}"], 400, "invalid_request",
        ),
        "two headers": ([GRANT, good, good], 400, "invalid_request"),
        "two headers of two clients": ([GRANT, good, basic(f"svc2:{other}")], 400, "invalid_request"),
        "bearer": ([GRANT, f"Bearer {secret}"], 401, "invalid_client"),
        "bearer beside a good body": (
            [f"{GRANT}&client_id=svc&client_secret={secret}", f"Bearer {secret}"], 401, "invalid_client",
        ),
        "no authentication": ([GRANT], 401, "invalid_client"),
        "id alone": ([f"{GRANT}&client_id=svc"], 401, "invalid_client"),
        "id and empty secret": ([f"{GRANT}&client_id=svc&client_secret="], 401, "invalid_client"),
        "secret alone": ([f"{GRANT}&client_secret={secret}"], 401, "invalid_client"),
        "unknown client": ([GRANT, basic(f"nobody:{secret}")], 401, "invalid_client"),
        "another's secret": ([GRANT, basic(f"svc:{other}")], 401, "invalid_client"),
        "id in another case": ([GRANT, basic(f"SVC:{secret}")], 401, "invalid_client"),
        "secret cut": ([GRANT, basic(f"svc:{secret[:-1]}")], 401, "invalid_client"),
        "secret in another case": ([GRANT, basic(f"svc:{secret.swapcase()}")], 401, "invalid_client"),
        "public client with a secret": ([f"{GRANT}&client_id=app&client_secret={secret}"], 401, "invalid_client"),
        "public client with Basic": ([GRANT, basic(f"app:{secret}")], 401, "invalid_client"),
        "public client with empty Basic": ([GRANT, basic("app:")], 401, "invalid_client"),
        "secret in the URL's place": ([f"{GRANT}&client_id=svc%3A{secret}"], 401, "invalid_client"),
        "no base64": ([GRANT, "Basic !!!!"], 401, "invalid_client"),
        "base64 with a stray character": ([GRANT, good[:12] + "*" + good[12:]], 401, "invalid_client"),
        "base64url": ([GRANT, "Basic c3ZjOv_--w=="], 401, "invalid_client"),
        "empty Basic": ([GRANT, "Basic "], 401, "invalid_client"),
        "scheme alone": ([GRANT, "Basic"], 401, "invalid_client"),
        "no colon": ([GRANT, basic("svc")], 401, "invalid_client"),
        "no id": ([GRANT, basic(f":{secret}")], 401, "invalid_client"),
        "colon more": ([GRANT, basic(f"svc:{secret}:")], 401, "invalid_client"),
        "encoded colon more": ([GRANT, basic(f"svc:{secret}%3A")], 401, "invalid_client"),
        "not UTF-8": ([GRANT, basic(b"svc:\xff\xfe")], 401, "invalid_client"),
        "encoded not UTF-8": ([GRANT, basic("svc:%FF%FE")], 401, "invalid_client"),
        "UTF-8": ([GRANT, basic("sv\u00e7:gr\u00fc\u00df")], 401, "invalid_client"),
        "NUL": ([GRANT, basic("svc\x00:x")], 401, "invalid_client"),
        "encoded NUL": ([GRANT, basic("svc%00:x")], 401, "invalid_client"),
        "overlong": ([GRANT, basic("svc:" + "x" * 9_000)], 401, "invalid_client"),
    }  # fmt: skip


MIXTURES = sorted(_mixtures({"svc": "as_cs_x", "svc2": "as_cs_y"}))


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """Every mixture's answer, from one running application."""
    from tests.flows.world import running_world  # noqa: PLC0415

    directory = tmp_path_factory.mktemp("mixtures")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        before = world.rows()
        answers = {
            name: (post(world, *arguments), status, code)
            for name, (arguments, status, code) in _mixtures(world.secrets).items()
        }
        yield answers, before, world.rows()


@pytest.mark.parametrize("mixture", MIXTURES)
def test_every_other_mixture_is_refused(refusals, mixture):
    answer, status, code = refusals[0][mixture]
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Basic realm="http://localhost:8000"'


def test_a_refusal_does_not_tell_whether_the_client_exists(refusals):
    told = {
        name: {**refusals[0][name][0].json(), "request_id": ""}
        for name in ("unknown client", "another's secret", "public client with a secret", "id in another case")
    }
    assert len({str(answer) for answer in told.values()}) == 1


def test_a_refused_authentication_stores_nothing_but_audit_rows(refusals):
    _, before, after = refusals
    assert {**before, "audit_events": 0} == {**after, "audit_events": 0}


@pytest.mark.parametrize(
    ("registered", "presented"),
    [
        pytest.param("none", "secret", id="secret of a public client"),
        pytest.param("client_secret_basic", "none", id="none of a confidential client"),
        pytest.param("private_key_jwt", "secret", id="secret of a client with a key"),
        pytest.param("private_key_jwt", "none", id="none of a client with a key"),
    ],
)
def test_only_the_registered_method_counts(small_world: World, registered, presented):
    """Even when secret and grant would do: the method is pinned."""
    with small_world.change() as uow:
        client = uow.clients.get("svc")
        assert client is not None
        uow.clients.save(replace(client, auth_method=registered))
    secret = f"&client_secret={small_world.secrets['svc']}" if presented == "secret" else ""
    answer = post(small_world, f"{GRANT}&client_id=svc{secret}")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_disabled_client_is_refused_even_with_its_secret(world: World):
    assert world.token("svc2").status_code == 200
    with world.change() as uow:
        uow.clients.disable("svc2", world.clock())
    answer = world.token("svc2")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    with world.change() as uow:
        uow.clients.enable("svc2")
    assert world.token("svc2").status_code == 200


def test_a_client_of_one_tenant_is_unknown_to_the_other(small_world: World):
    header = {"Authorization": basic(f"svc:{small_world.secrets['svc']}")}
    assert small_world.raw("/t/other/token", GRANT.encode(), **header).status_code == 401


def test_a_confidential_first_party_client_must_authenticate_at_login(small_world: World):
    body = "username=alice&password=fourteen+purple+lanterns&scope=openid&client_id=web"
    answer = small_world.raw("/login", body.encode())
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert small_world.login("web", scope="openid").status_code == 200


def test_a_method_that_is_presented_with_percent_signs_in_the_id_is_decoded_once(small_world: World):
    header = basic(f"{quote('%73vc')}:{small_world.secrets['svc']}")
    assert post(small_world, GRANT, header).status_code == 401


def test_resources_of_the_metadata_are_those_that_tokens_are_for(small_world: World):
    answer = small_world.token("svc2")
    assert answer.json()["scope"] == "es256:read"
    assert audience("ES256") in small_world.get("/.well-known/oauth-authorization-server").json()["protected_resources"]
