"""More than a thousand forged tokens for every input that takes a JWT, of which none is accepted (THREATS, A and D)."""

import json
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from authsvc.protocol import subject_token
from authsvc.protocol.client_auth import METHODS
from authsvc.protocol.grants import GRANTS
from tests.flows.forgeries import Forgery, allowed, corpus, sample
from tests.flows.specimen import Specimen
from tests.flows.token_inputs import INPUTS, TokenInput, ended_tokens
from tests.flows.token_rig import Rig, open_rig

LEAST = 1_000
INACTIVE = b'{"active":false}'


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("rig")) as found:
        yield found


by_input = pytest.mark.parametrize("place", [pytest.param(place, id=place.name) for place in INPUTS])


def _is_accepted(place: TokenInput, rig: Rig, token: str) -> tuple[bool, httpx.Response]:
    before = ended_tokens(rig) if place.remembers else 0
    answer = place.present(rig, token)
    if place.remembers:
        return ended_tokens(rig) > before, answer
    return place.accepts(answer), answer


def _refuses_well(place: TokenInput, answer: httpx.Response) -> bool:
    """Whether the answer has the endpoint's own form, and one of its codes."""
    if place.form == "browser":
        told = parse_qs(urlsplit(answer.headers.get("location", "")).query)
        shown = "page" if answer.headers.get("content-type", "").startswith("text/html") else told.get("error", [""])[0]
        return (answer.status_code, shown) in place.refusals and "code" not in told
    if answer.status_code == 200:
        return {"inactive": INACTIVE, "nothing": b""}.get(place.form) == answer.content
    body = json.loads(answer.content)
    if place.form == "verdict":
        return answer.status_code == 401 and bool(body["reason"])
    if place.form == "problem":
        is_formed = (
            answer.headers["content-type"] == "application/problem+json" and {"title", "request_id"} < body.keys()
        )
    else:
        is_formed = answer.headers["content-type"] == "application/json"
        is_formed = is_formed and body.keys() == {"error", "error_description", "request_id"}
    is_challenge = answer.status_code != 401 or "www-authenticate" in answer.headers
    is_stored = "no-store" not in answer.headers.get("cache-control", "")
    return is_formed and is_challenge and not is_stored and (answer.status_code, body["error"]) in place.refusals


def _try_all(place: TokenInput, rig: Rig, good: Specimen, forgeries: Sequence[Forgery]) -> None:
    accepted, badly = [], []
    whole = good.token()
    assert whole not in {token for _, token in forgeries}
    for what, token in forgeries:
        is_accepted, answer = _is_accepted(place, rig, token)
        if is_accepted:
            accepted.append(what)
        elif not _refuses_well(place, answer):
            badly.append((what, answer.status_code, answer.text[:200]))
    assert accepted == []
    assert badly == []
    # The forgeries were made from a good token, and have not used it up.
    is_accepted, answer = _is_accepted(place, rig, whole)
    assert is_accepted, answer.text


@by_input
def test_some_forgeries_of_each_family_are_refused(rig: Rig, place: TokenInput):
    good = place.specimen(rig)
    _try_all(place, rig, good, sample(good, 40, INPUTS.index(place)))


@pytest.mark.slow
@by_input
def test_of_a_thousand_forged_tokens_none_is_accepted(rig: Rig, place: TokenInput):
    good = place.specimen(rig)
    forgeries = corpus(good)
    assert len(forgeries) >= LEAST
    _try_all(place, rig, good, forgeries)


@pytest.mark.slow
@by_input
def test_what_the_corpus_leaves_out_is_indeed_good(rig: Rig, place: TokenInput):
    expected = set(allowed(place.specimen(rig)))
    if place.name == "id_token_hint at /authorize":
        expected -= {"as large as may be"}  # An address holds less.
    assert [what for what in expected if not _is_ever_good(what, place, rig)] == []


def _is_ever_good(what: str, place: TokenInput, rig: Rig) -> bool:
    index = 0
    while True:
        # A fresh one each time: some of these end the session, or count once.
        tokens = allowed(place.specimen(rig))[what]
        if index >= len(tokens):
            return False
        if _is_accepted(place, rig, tokens[index])[0]:
            return True
        index += 1


def test_every_input_that_takes_a_token_has_its_row(rig: Rig):
    """A new grant, parameter, token type, client-authentication method or endpoint needs one, or a reason not to."""
    rows = {place.name for place in INPUTS}
    jwts = {"subject_token", "actor_token", "assertion"}
    no_jwts = {
        "username", "password", "refresh_token", "subject_token_type", "actor_token_type", "requested_token_type",
        "audience", "code", "code_verifier", "redirect_uri",
    }  # fmt: skip
    assert set[str]().union(*(grant.PARAMETERS for grant in GRANTS.values())) == jwts | no_jwts
    kinds = {name.rpartition(":")[2] for name in subject_token._JUDGES}
    assert kinds - {"refresh_token", "api_key"} == {"access_token", "id_token", "jwt"}
    assert {"private_key_jwt", "client_secret_jwt", "federated_assertion"} == METHODS.keys() - {
        "client_secret_basic", "client_secret_post", "none",
    }  # fmt: skip
    operations = rig.shop.world.get("/openapi.json").json()["paths"]
    for path, methods in operations.items():
        for method, operation in methods.items():
            asked = {name for each in operation.get("security", ()) for name in each}
            if asked & {"account_token", "access_token"}:
                shown = path.replace("{key_id}", "01234567-89ab-4cde-8f01-23456789abcd")
                assert f"bearer at {method.upper()} {shown}" in rows, path
            fields = set[str]()
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fields |= content["schema"].get("properties", {}).keys()
            if "client_assertion" in fields:
                assert f"client_assertion: at {path}" in rows, path
            asks = {parameter["name"] for parameter in operation.get("parameters", ()) if "name" in parameter}
            if "id_token_hint" in fields | asks:
                assert f"id_token_hint at {path}" in rows, path
