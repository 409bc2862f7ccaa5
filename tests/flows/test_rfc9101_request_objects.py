"""Request objects by value (RFC 9101, OpenID Connect Core §6.1): signed by the client, or refused."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.flows import assertions
from tests.flows.assertions import a_key, jwks
from tests.flows.browser import Page
from tests.flows.relying_party import REDIRECT_URI, Browser, add_client, answered, asked, page_of, redeem
from tests.flows.world import ISSUER, World, running_world

EVIL = "https://evil.example/cb"
TYPE = "oauth-authz-req+jwt"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all: nothing here changes what the next test finds."""
    directory = tmp_path_factory.mktemp("objects")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield _signed_in(world)


def _signed_in(small_world: World) -> Browser:
    keys = jwks(a_key("ES256", "asker"), a_key("RS256", "asker"))
    add_client(small_world, "asker", jwks=keys, request_object_algorithm="ES256")
    add_client(small_world, "other", jwks=jwks(a_key("ES256", "other")), request_object_algorithm="ES256")
    add_client(small_world, "keyless")
    browser = Browser(small_world)
    browser.sign_in()
    return browser


def claims(browser: Browser, **changed: Any) -> dict[str, Any]:
    now = int(browser.world.clock().timestamp())
    wanted = {**asked("asker"), "iss": "asker", "aud": ISSUER, "exp": now + 60, "iat": now, **changed}
    return {name: value for name, value in wanted.items() if value is not None}


def signed(browser: Browser, algorithm: str = "ES256", typ: Any = TYPE, of: str = "asker", **changed: Any) -> str:
    return assertions.signed(claims(browser, **changed), a_key(algorithm, of), typ=typ)


def bare(browser: Browser, token: str, client: str = "asker", **beside: str) -> httpx.Response:
    """The request with nothing beside the object but what must be there."""
    parameters: dict[str, Any] = {name: None for name in asked() if name != "client_id"}
    return browser.authorize(client, **{**parameters, "request": token, **beside})


@pytest.mark.parametrize("typ", [TYPE, f"application/{TYPE}", "JWT", assertions.GONE])
def test_what_the_client_signed_is_what_counts(browser: Browser, typ: Any):
    said = answered(bare(browser, signed(browser, typ=typ)))
    assert said["state"] == "st-1"
    assert redeem(browser.world, said["code"], "asker").status_code == 200


def test_its_parameters_win_over_those_beside_it(browser: Browser):
    token = signed(browser, state="signed", nonce="signed", scope="openid")
    said = answered(browser.authorize("asker", request=token, state="beside", nonce="beside", scope="openid email"))
    assert said["state"] == "signed"
    tokens = redeem(browser.world, said["code"], "asker").json()
    assert tokens["scope"] == "openid"


def test_a_client_of_oauth_alone_is_held_to_what_it_signed(browser: Browser):
    token = signed(browser, scope="es256:read", state=None, nonce=None)
    said = answered(browser.authorize("asker", request=token, state="beside", scope="es256:write"))
    assert "state" not in said
    assert redeem(browser.world, said["code"], "asker").json()["scope"] == "es256:read"


def test_numbers_and_claims_are_read_as_json_has_them(browser: Browser):
    wanted = {"id_token": {"sub": {"value": "somebody else"}}}
    token = signed(browser, claims=wanted, prompt="none")
    assert answered(bare(browser, token))["error"] == "login_required"
    earlier = Browser(browser.world)
    earlier.sign_in(ago_seconds=60)
    assert answered(bare(earlier, signed(browser, max_age=30, prompt="none")))["error"] == "login_required"
    resources = signed(browser, scope="openid", resource=["https://es256.example", "https://unknown.example"])
    assert answered(bare(browser, resources))["error"] == "invalid_target"


def test_it_may_be_posted(browser: Browser):
    answer = browser.post_authorize("asker", request=signed(browser, state="signed"))
    handle = answer.headers["location"].rpartition("=")[2]
    assert answered(browser.get(f"/ui/continue?flow={handle}"))["state"] == "signed"


def test_a_person_may_take_longer_than_the_object_lasts(browser: Browser):
    slow = Browser(browser.world)
    handle = page_of(bare(slow, signed(browser)))[1]
    browser.world.clock.move(seconds=300)
    slow.sign_in()
    assert answered(slow.get(f"/ui/continue?flow={handle}"))["state"] == "st-1"


@pytest.mark.parametrize("value", [{"a": {"b": 1}}, ["a"], [{"type": "x"}], True, 1.5, "a\nb", None], ids=repr)
def test_a_member_that_is_not_known_here_says_nothing(browser: Browser, value: Any):
    """Clients of other servers' extensions put them there, as authorization_details are (RFC 9396)."""
    token = signed(browser, authorization_details=value, claims_locales="de", **{"urn:x": value})
    said = answered(bare(browser, token))
    assert redeem(browser.world, said["code"], "asker").status_code == 200


@pytest.mark.parametrize("value", [{"redirect_uris": ["https://rp.example"]}, "{}"])
def test_no_client_registers_by_it(browser: Browser, value: Any):
    said = answered(browser.authorize("asker", request=signed(browser, registration=value)))
    assert said["error"] == "registration_not_supported"


Forge = Callable[[Browser], str]


def _unsigned(browser: Browser) -> str:
    return assertions.compact({"alg": "none", "typ": TYPE}, claims(browser), None)


def _by_public_key(browser: Browser) -> str:
    return assertions.signed(claims(browser), json.dumps(a_key("ES256", "asker").public).encode(), typ=TYPE)


def _stripped(browser: Browser) -> str:
    return signed(browser).rpartition(".")[0] + "."


def _changed(browser: Browser) -> str:
    head, _, signature = signed(browser).split(".")
    body = signed(browser, redirect_uri=EVIL).split(".")[1]
    return f"{head}.{body}.{signature}"


FORGED: list[Any] = [
    pytest.param(_unsigned, id="unsigned"),
    pytest.param(_by_public_key, id="public key for a secret"),
    pytest.param(_stripped, id="without its signature"),
    pytest.param(_changed, id="changed after it was signed"),
    pytest.param(lambda browser: signed(browser, of="thief"), id="signed by somebody else"),
    pytest.param(lambda browser: signed(browser, of="other"), id="signed by another client"),
    pytest.param(lambda browser: signed(browser, "RS256"), id="another algorithm than the registered one"),
    pytest.param(lambda browser: signed(browser, client_id="other"), id="another client's"),
    pytest.param(lambda browser: signed(browser, client_id=None), id="nobody's"),
    pytest.param(lambda browser: signed(browser, iss="other"), id="another issuer"),
    pytest.param(lambda browser: signed(browser, iss=None), id="no issuer"),
    pytest.param(lambda browser: signed(browser, aud="https://other.example"), id="for another server"),
    pytest.param(lambda browser: signed(browser, aud=None), id="for no server"),
    pytest.param(lambda browser: signed(browser, exp=1), id="expired"),
    pytest.param(lambda browser: signed(browser, nbf=4_000_000_000), id="not yet"),
    pytest.param(lambda browser: signed(browser, sub="asker"), id="a client assertion could be it"),
    pytest.param(lambda browser: signed(browser, typ="client-authentication+jwt"), id="a client assertion's type"),
    pytest.param(lambda browser: signed(browser, typ="at+jwt"), id="an access token's type"),
    pytest.param(lambda browser: signed(browser, request="x"), id="a request in the request"),
    pytest.param(lambda browser: signed(browser, request_uri="https://rp.example"), id="a request_uri in it"),
    pytest.param(lambda browser: signed(browser, state=["a"]), id="a parameter that is no text"),
    pytest.param(lambda browser: signed(browser, state=True), id="a truth for a text"),
    pytest.param(lambda browser: signed(browser, state="a\nb"), id="a line end in a parameter"),
    pytest.param(lambda browser: signed(browser, resource=[1]), id="a resource that is no text"),
]


@pytest.mark.parametrize("forge", FORGED)
def test_what_the_client_did_not_sign_as_registered_is_refused(browser: Browser, forge: Forge):
    token = forge(browser)
    told = answered(browser.authorize("asker", request=token))
    assert told["error"] == "invalid_request_object"
    # Without a good redirect URI beside it, nothing says where the browser may go.
    for page in (bare(browser, token), browser.authorize("asker", request=token, redirect_uri=EVIL)):
        assert page.status_code == 400
        assert "location" not in page.headers


def test_a_client_without_keys_signs_nothing(browser: Browser):
    token = assertions.signed(claims(browser, client_id="keyless", iss="keyless"), a_key("ES256", "asker"), typ=TYPE)
    assert answered(browser.authorize("keyless", request=token))["error"] == "invalid_request_object"


@pytest.mark.parametrize("beside", [REDIRECT_URI, EVIL, None])
@pytest.mark.parametrize("changed", [{}, {"response_type": "token"}, {"scope": "nonsense"}, {"prompt": "none"}])
def test_a_signed_redirect_uri_must_be_registered_as_well(
    browser: Browser, beside: str | None, changed: dict[str, Any]
):
    answer = browser.authorize("asker", request=signed(browser, redirect_uri=EVIL, **changed), redirect_uri=beside)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("scope", ["openid", "es256:read"])
def test_its_redirect_uri_counts_whatever_stands_beside_it(browser: Browser, scope: str):
    """RFC 9101 §6.3; OpenID's certification asks for it (oidcc-ensure-request-object-with-redirect-uri)."""
    answer = browser.authorize("asker", request=signed(browser, scope=scope), redirect_uri=EVIL)
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
    assert redeem(browser.world, answered(answer)["code"], "asker").status_code == 200


@pytest.mark.parametrize("changed", [{"prompt": "none login"}, {"response_type": "token"}, {"prompt": "x"}])
def test_what_is_wrong_in_it_is_told_where_it_says_itself(browser: Browser, changed: dict[str, Any]):
    answer = browser.authorize("asker", request=signed(browser, **changed), redirect_uri=EVIL)
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?error=")


@pytest.mark.parametrize("changed", [{"registration": "{}"}, {"request_uri": "https://rp.example/o"}])
def test_what_is_wrong_beside_it_and_an_unregistered_redirect_uri_is_told_on_a_page(
    browser: Browser, changed: dict[str, Any]
):
    answer = browser.authorize("asker", request=signed(browser), redirect_uri=EVIL, **changed)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_an_unregistered_redirect_uri_beside_an_object_without_one_is_refused(browser: Browser):
    answer = browser.authorize("asker", request=signed(browser, redirect_uri=None), redirect_uri=EVIL)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_request_object_authenticates_no_client(browser: Browser):
    token = signed(browser, jti="once")
    fields = {"client_assertion": token, "client_assertion_type": assertions.JWT_BEARER, "token": "x"}
    assert browser.world.http.post("/introspect", data=fields).status_code == 401


HINTS = {"login_hint": "alice@example.com", "ui_locales": "xx de"}
BESIDE = {"login_hint": "mallory", "ui_locales": "fr"}


def _login_page(browser: Browser, answer: httpx.Response) -> tuple[str, str]:
    """The name that the page of sign-in is filled with, and its language."""
    assert page_of(answer)[0] == "login"
    shown = Page(browser.get(answer.headers["location"]).text)
    (language,) = [found["lang"] for tag, found in shown.elements if tag == "html"]
    return shown.forms[0].fields["username"], str(language)


def test_its_hints_fill_the_page_and_choose_the_language_as_those_beside_it_would(browser: Browser):
    stranger = Browser(browser.world)
    assert _login_page(stranger, stranger.authorize("asker", **HINTS)) == ("alice@example.com", "de")
    signed_hints = signed(browser, **HINTS)
    assert _login_page(stranger, bare(stranger, signed_hints)) == ("alice@example.com", "de")
    assert _login_page(stranger, bare(stranger, signed_hints, **BESIDE)) == ("alice@example.com", "de")
    assert _login_page(stranger, bare(stranger, signed(browser), **BESIDE)) == ("mallory", "fr")
    posted = stranger.post_authorize("asker", request=signed_hints)
    assert _login_page(stranger, stranger.get(posted.headers["location"])) == ("alice@example.com", "de")


def test_beside_what_a_client_of_oauth_alone_has_signed_no_hint_counts(browser: Browser):
    stranger = Browser(browser.world)
    token = signed(browser, scope="es256:read", ui_locales="de")
    assert _login_page(stranger, bare(stranger, token, **BESIDE)) == ("", "de")


@pytest.mark.parametrize("changed", [{"login_hint": "x" * 1_025}, {"ui_locales": "x" * 513}, {"login_hint": ["a"]}])
def test_hints_in_it_keep_their_measure(browser: Browser, changed: dict[str, Any]):
    said = answered(browser.authorize("asker", request=signed(browser, **changed)))
    assert said["error"] in {"invalid_request", "invalid_request_object"}
