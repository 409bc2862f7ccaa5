"""The authorization endpoint: what it refuses and where it says so, the ways of answering, pages and errands."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest

from authsvc.crypto import opaque
from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.sign_in.continuations import Continuation
from authsvc.web.cookies import cookie_name
from tests.flows.relying_party import REDIRECT_URI, Browser, add_client, answered, asked, page_of, redeem
from tests.flows.world import ISSUER, World, running_world


@pytest.fixture
def browser(small_world: World) -> Browser:
    """Signed in; `rp` is an app of the house, `third` somebody else's."""
    add_client(small_world)
    add_client(small_world, "third", first_party=False)
    browser = Browser(small_world)
    browser.sign_in()
    return browser


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The same once for all tables of refusals, which change nothing."""
    directory = tmp_path_factory.mktemp("authorize")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        add_client(world)
        browser = Browser(world)
        browser.sign_in()
        yield browser


TOLD_ON_A_PAGE = [
    pytest.param({"client_id": None}, id="no client"),
    pytest.param({"client_id": "nobody"}, id="unknown client"),
    pytest.param({"client_id": ["rp", "rp"]}, id="client twice"),
    pytest.param({"client_id": "svc"}, id="client without redirect URIs"),
    pytest.param({"redirect_uri": None}, id="no redirect URI with openid"),
    pytest.param({"redirect_uri": "https://evil.example/cb"}, id="unregistered redirect URI"),
    pytest.param({"redirect_uri": [REDIRECT_URI, "https://evil.example"]}, id="redirect URI twice"),
]


@pytest.mark.parametrize("changed", TOLD_ON_A_PAGE)
@pytest.mark.parametrize("prompt", [None, "none"])
def test_what_is_wrong_before_the_redirect_uri_is_proved_is_told_on_a_page(
    steady: Browser, changed: dict[str, Any], prompt: str | None
):
    parameters = {"prompt": prompt, **changed}
    for answer in (steady.authorize(**parameters), steady.post_authorize(**parameters)):
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert answer.headers["content-type"].startswith("text/html")
        assert "evil" not in answer.text
        assert answer.headers["x-request-id"] in answer.text


def test_a_disabled_client_is_told_on_a_page(browser: Browser):
    with browser.world.change() as uow:
        uow.clients.disable("rp", browser.world.clock())
    assert browser.authorize().status_code == 400


TOLD_TO_THE_CLIENT = [
    pytest.param({"response_type": None}, "invalid_request", id="no response type"),
    pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
    pytest.param({"response_type": "code id_token"}, "unsupported_response_type", id="hybrid"),
    pytest.param({"response_type": "none"}, "unsupported_response_type", id="none"),
    pytest.param({"response_mode": "query.jwt"}, "invalid_request", id="unknown response mode"),
    pytest.param({"scope": "openid  email"}, "invalid_scope", id="malformed scope"),
    pytest.param({"scope": "nonsense"}, "invalid_scope", id="unknown scope without openid"),
    pytest.param({"scope": "es256:read account"}, "invalid_scope", id="account with another resource"),
    pytest.param({"resource": "https://unknown.example"}, "invalid_target", id="unknown resource"),
    pytest.param({"resource": "https://es256.example", "scope": "openid ps256:read"}, "invalid_scope",
                 id="a scope of another resource"),
    pytest.param({"prompt": "none login"}, "invalid_request", id="none with another"),
    pytest.param({"prompt": "sudo"}, "invalid_request", id="unknown prompt"),
    pytest.param({"max_age": "-1"}, "invalid_request", id="negative max_age"),
    pytest.param({"max_age": "1e3"}, "invalid_request", id="max_age of another spelling"),
    pytest.param({"max_age": "\u0661"}, "invalid_request", id="max_age in other digits"),
    pytest.param({"max_age": "9" * 30}, "invalid_request", id="endless max_age"),
    pytest.param({"state": ["a", "b"]}, "invalid_request", id="state twice"),
    pytest.param({"scope": ["openid", "email"]}, "invalid_request", id="scope twice"),
    pytest.param({"nonce": "n" * 1_025}, "invalid_request", id="overlong nonce"),
    pytest.param({"state": "s" * 4_097}, "invalid_request", id="overlong state"),
    pytest.param({"prompt": "login " * 3_000}, "invalid_request", id="too much together"),
    pytest.param({"request_uri": "https://rp.example/r"}, "request_uri_not_supported", id="request_uri"),
    pytest.param({"registration": "{}"}, "registration_not_supported", id="registration"),
    pytest.param({"request": "x", "request_uri": "https://rp.example/r"}, "invalid_request",
                 id="request and request_uri"),
    pytest.param({"request": "x.y.z"}, "invalid_request_object", id="no request object"),
    pytest.param({"id_token_hint": "x.y.z"}, "invalid_request", id="no ID token"),
    pytest.param({"claims": "[]"}, "invalid_request", id="claims that are no object"),
    pytest.param({"claims": '{"userinfo":' * 17 + "1" + "}" * 17}, "invalid_request", id="claims in the deep"),
    pytest.param({"claims": '{"x":' * 999 + "1" + "}" * 999}, "invalid_request", id="claims in the very deep"),
    pytest.param({"claims": f'{{"userinfo":{{"name":{{"values":[{"1," * 40}1]}}}}}}'}, "invalid_request",
                 id="claims with too many values"),
    pytest.param({"claims": f'{{"x":"{"y" * 9_000}"}}'}, "invalid_request", id="overlong claims"),
    pytest.param({"claims": '{"id_token":{"acr":{"essential":true,"value":"x"}}}'}, "unmet_authentication_requirements",
                 id="unreachable acr"),
    pytest.param({"claims": '{"id_token":{"sub":{"value":"someone"}},"userinfo":null}', "prompt": "none"},
                 "login_required", id="another person"),
    pytest.param({"max_age": "0", "prompt": "none"}, "login_required", id="a new sign-in, asking nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "error"), TOLD_TO_THE_CLIENT)
@pytest.mark.parametrize("mode", [None, "query", "fragment", "form_post"])
def test_what_is_wrong_after_it_is_told_to_the_client_by_whom_and_with_its_state(
    steady: Browser, changed: dict[str, Any], error: str, mode: str | None
):
    parameters = {"response_mode": mode, **changed}
    answer = steady.authorize(**parameters)
    if parameters["response_mode"] == "form_post" and error != "invalid_request_object":
        said = posted_form(answer)
    elif parameters["response_mode"] == "fragment" and error != "invalid_request_object":
        location, _, fragment = answer.headers["location"].partition("#")
        assert location == REDIRECT_URI
        said = {name: values[0] for name, values in parse_qs(fragment).items()}
    elif error == "invalid_request_object":
        return
    else:
        said = dict(answered(answer))
    state = {} if isinstance(changed.get("state"), list) else {"state": changed.get("state", "st-1")}
    assert said == {"error": error, "error_description": said["error_description"], "iss": ISSUER, **state}


def posted_form(answer: httpx.Response) -> dict[str, str]:
    """The fields of a form that posts itself to the client, whose page lets nothing else run."""
    assert answer.status_code == 200, answer.text
    assert f'action="{REDIRECT_URI}"' in answer.text
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text)
    return {name: unescape(value) for name, value in found}


def test_a_code_comes_back_in_the_mode_that_was_asked_for(browser: Browser):
    state = "a b&c=d#e\"'<>\u00e4"
    said = dict(answered(browser.authorize(state=state)))
    assert (said["state"], said["iss"]) == (state, ISSUER)
    form = posted_form(browser.authorize(response_mode="form_post", state=state))
    assert form == {"code": form["code"], "state": state, "iss": ISSUER}
    location = browser.authorize(response_mode="fragment", state=state).headers["location"]
    assert location.startswith(f"{REDIRECT_URI}#code=as_ac_")
    for code in (said["code"], form["code"]):
        assert redeem(browser.world, code).status_code == 200


@pytest.mark.parametrize("state", ["s" * 4_096, "a b+c&d=e/é'\"<%25", "=="])
def test_the_state_comes_back_as_it_was(browser: Browser, state: str):
    said = answered(browser.authorize(state=state))
    assert said == {"code": said["code"], "state": state, "iss": ISSUER}
    by_fragment = browser.authorize(state=state, response_mode="fragment").headers["location"]
    assert parse_qs(urlsplit(by_fragment).fragment)["state"] == [state]


def test_a_registered_query_stays_and_is_added_to(small_world: World):
    uri = "https://rp.example/cb?tenant=one"
    add_client(small_world, redirect_uris=(uri,))
    browser = Browser(small_world)
    browser.sign_in()
    location = browser.authorize(redirect_uri=uri).headers["location"]
    assert location.startswith(f"{uri}&code=")


def test_scopes_that_are_not_allowed_are_left_out_with_openid(browser: Browser):
    assert browser.tokens(scope="openid email nonsense eddsa:write")["scope"] == "email openid"


def test_nobody_reads_the_answer_across_origins(browser: Browser):
    answer = browser.get(f"/authorize?{urlencode(asked())}", origin="https://app.example")
    assert answer.status_code == 303
    assert not [name for name in answer.headers if name.startswith("access-control")]


PAGES = [
    pytest.param({}, "consent", id="somebody else's app"),
    pytest.param({"prompt": "login"}, "login", id="login"),
    pytest.param({"prompt": "consent"}, "consent", id="consent"),
    pytest.param({"prompt": "select_account"}, "select-account", id="select_account"),
    pytest.param({"prompt": "create"}, "register", id="create"),
    pytest.param({"prompt": "login consent"}, "login", id="login comes first"),
    pytest.param({"max_age": "0"}, "login", id="max_age 0"),
    pytest.param({"max_age": "60"}, "login", id="max_age that has passed"),
    pytest.param({"max_age": "600"}, "consent", id="max_age that has not"),
    pytest.param({"claims": '{"id_token":{"sub":{"value":"someone"}}}'}, "login", id="another person"),
]


@pytest.mark.parametrize(("changed", "page"), PAGES)
def test_a_request_that_needs_the_person_leads_to_a_page(browser: Browser, changed: dict[str, Any], page: str):
    browser.sign_in(ago_seconds=120)
    assert page_of(browser.authorize("third", **changed))[0] == page
    code = page_of(browser.post_authorize("third", **changed))
    assert code[0] == "continue"
    assert page_of(browser.get(f"/ui/continue?flow={code[1]}"))[0] == page


def test_whoever_is_not_here_signs_in_first(browser: Browser):
    stranger = Browser(browser.world)
    page, handle = page_of(stranger.authorize())
    assert page == "login"
    stranger.sign_in()
    assert answered(stranger.get(f"/ui/continue?flow={handle}"))["code"]


def test_a_registered_default_max_age_counts_where_none_is_asked_for(small_world: World):
    add_client(small_world, default_max_age_seconds=60)
    browser = Browser(small_world)
    browser.sign_in(ago_seconds=61)
    assert page_of(browser.authorize())[0] == "login"
    assert answered(browser.authorize(max_age="600"))["code"]


@pytest.mark.parametrize("end", ["session", "user", "idle"])
def test_a_session_that_is_over_is_nobodys(browser: Browser, end: str):
    world, session = browser.world, browser.sign_in()
    with world.change() as uow:
        if end == "session":
            uow.sessions.end(session.id, world.clock())
        elif end == "user":
            uow.users.disable(session.user_id, world.clock())
    if end == "idle":
        world.clock.move(hours=12)
    assert page_of(browser.authorize())[0] == "login"
    assert answered(browser.authorize(prompt="none"))["error"] == "login_required"


def test_a_visit_is_written_down_once_a_minute_and_keeps_the_session(browser: Browser):
    world = browser.world
    for _ in range(3):
        world.clock.move(hours=11)
        assert answered(browser.authorize())["code"]


def test_an_errand_is_for_the_browser_that_began_it(browser: Browser):
    """Else an attacker's link could be completed by a victim, or the other way round."""
    _, handle = page_of(browser.authorize(prompt="login"))
    other = Browser(browser.world)
    other.sign_in("bob")
    for foreign in (other, Browser(browser.world)):
        answer = foreign.get(f"/ui/continue?flow={handle}")
        assert answer.status_code == 403
        assert "location" not in answer.headers
    assert page_of(browser.get(f"/ui/continue?flow={handle}"))[0] == "login"


def test_what_is_not_known_is_not_kept(browser: Browser):
    for answer in (browser.authorize(prompt="login", x="y" * 9_000), browser.post_authorize(x="y" * 30_000)):
        kept = _errand(browser.world, page_of(answer)[1]).parameters
        assert "x" not in kept
        assert kept["redirect_uri"] == (REDIRECT_URI,)


def test_a_posted_errand_is_the_first_browsers_that_comes_for_it(browser: Browser):
    handle = page_of(browser.post_authorize("third"))[1]
    assert page_of(browser.get(f"/ui/continue?flow={handle}"))[0] == "consent"
    other = Browser(browser.world)
    other.sign_in("bob")
    assert other.get(f"/ui/continue?flow={handle}").status_code == 403


def test_a_posted_request_of_somebody_who_is_here_is_answered_by_way_of_a_redirect(browser: Browser):
    page, handle = page_of(browser.post_authorize())
    assert page == "continue"
    assert answered(browser.get(f"/ui/continue?flow={handle}"))["code"]


def _errand(world: World, handle: str) -> Continuation:
    with world.change() as uow:
        found = uow.continuations.find(opaque.hash_secret(handle))
    assert found is not None
    return found


def _agree(browser: Browser, handle: str, **changed: Any) -> None:
    """What the consent page stores."""
    world, user = browser.world, browser.world.user()
    nothing, now = frozenset[str](), world.clock()
    with world.change() as uow:
        uow.consents.give(Consent(user.id, "third", frozenset({"openid"}), nothing, nothing, now, now))
        found = uow.continuations.find(opaque.hash_secret(handle))
        assert found is not None
        uow.continuations.save(replace(found, done=found.done | {"consent"}, **changed))


def test_an_errand_is_answered_once(browser: Browser):
    _, handle = page_of(browser.authorize("third"))
    _agree(browser, handle)
    assert answered(browser.get(f"/ui/continue?flow={handle}"))["code"]
    again = browser.get(f"/ui/continue?flow={handle}")
    assert again.status_code == 400
    assert "location" not in again.headers


def test_who_says_no_is_believed_and_the_errand_is_over(browser: Browser):
    _, handle = page_of(browser.authorize("third"))
    _agree(browser, handle, denied=True)
    assert answered(browser.get(f"/ui/continue?flow={handle}"))["error"] == "access_denied"
    assert browser.get(f"/ui/continue?flow={handle}").status_code == 400


def test_what_was_agreed_to_is_remembered_and_only_what_is_new_is_asked(browser: Browser):
    _, handle = page_of(browser.authorize("third"))
    _agree(browser, handle)
    assert answered(browser.authorize("third"))["code"]
    assert answered(browser.authorize("third", prompt="none"))["code"]
    assert page_of(browser.authorize("third", scope="openid email"))[0] == "consent"
    assert page_of(browser.authorize("third", claims='{"userinfo":{"name":null}}'))[0] == "consent"
    assert answered(browser.authorize("third", scope="openid email", prompt="none"))["error"] == "consent_required"


def test_an_errand_is_over_after_ten_minutes(browser: Browser):
    _, handle = page_of(browser.authorize(prompt="login"))
    browser.world.clock.move(seconds=600)
    assert browser.get(f"/ui/continue?flow={handle}").status_code == 400


@pytest.mark.parametrize("flow", ["", "as_co_x", quote("as_co_\u00e4"), "x" * 2_000, "as_br_" + "a" * 48])
def test_a_handle_that_is_none_is_an_errand_that_is_over(browser: Browser, flow: str):
    assert browser.get(f"/ui/continue?flow={flow}").status_code == 400
    assert browser.get("/ui/continue").status_code == 400


def test_what_is_kept_of_an_errand_is_judged_anew(browser: Browser):
    """The client was disabled, or lost its redirect URI, while the person signed in."""
    world = browser.world
    _, handle = page_of(browser.authorize(prompt="login"))
    with world.change() as uow:
        client = uow.clients.get("rp")
        assert client is not None
        party = replace(client.relying_party, redirect_uris=("https://rp.example/other",))
        uow.clients.save(replace(client, relying_party=party))
    answer = browser.get(f"/ui/continue?flow={handle}")
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_cookies_are_for_this_host_alone_and_no_script(browser: Browser):
    stranger = Browser(browser.world)
    answer = stranger.authorize()
    (line,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert set(stranger.cookies) == {cookie_name(browser.world.tenant, opaque.BROWSER)}
    with browser.world.change() as uow:
        kept = uow.continuations.find(opaque.hash_secret(page_of(answer)[1]))
    assert kept is not None
    assert kept.browser_hash == opaque.hash_secret(next(iter(stranger.cookies.values())))


def test_a_request_that_is_refused_leaves_nothing_behind(steady: Browser):
    before = {name: count for name, count in steady.world.rows().items() if name != "audit_events"}
    for parameter in TOLD_TO_THE_CLIENT + TOLD_ON_A_PAGE:
        changed = parameter.values[0]
        assert isinstance(changed, dict)
        steady.authorize(**changed)
    assert {name: count for name, count in steady.world.rows().items() if name != "audit_events"} == before
