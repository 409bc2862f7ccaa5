"""OpenID Connect RP-Initiated Logout 1.0: who may end a session without a question, and where the browser goes then."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from authsvc.crypto import opaque
from authsvc.domain.sign_in.sessions import Session
from tests.flows.browser import SAME_ORIGIN, Page
from tests.flows.relying_party import Browser, add_client, page_of
from tests.flows.world import ISSUER, OTHER_PASSWORD, World

AFTER = "https://rp.example/signed-out"
ELSEWHERE = "https://other.example/out"


@pytest.fixture
def person(small_world: World) -> Browser:
    """A browser whose person is signed in at two clients' server."""
    add_client(small_world, post_logout_redirect_uris=(AFTER, "https://rp.example/out?a=b"))
    add_client(small_world, "other", post_logout_redirect_uris=(ELSEWHERE,))
    browser = Browser(small_world)
    browser.sign_in()
    return browser


def session_of(browser: Browser) -> Session:
    """The session behind the browser's cookie, as it is stored."""
    cookie = next(value for name, value in browser.cookies.items() if "session" in name)
    uow = browser.world.storage.unit_of_work(browser.world.tenant.id)
    try:
        found = uow.browser_sessions.find(opaque.hash_secret(cookie))
    finally:
        uow.close()
    assert found is not None
    return found.browser.session


def ask(browser: Browser, method: str = "GET", **parameters: str) -> httpx.Response:
    """Send the browser to sign out, as a client does."""
    if method == "POST":
        return browser.send("POST", "/connect/logout", urlencode(parameters))
    return browser.get(f"/connect/logout?{urlencode(parameters)}")


def say_yes(browser: Browser, shown: httpx.Response) -> httpx.Response:
    """Press the button of the page that asks."""
    (form,) = Page(shown.text).forms
    return browser.send("POST", form.action, urlencode(form.fields), **SAME_ORIGIN)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_client_that_was_told_of_this_session_ends_it_at_once(world: World, method: str):
    add_client(world, post_logout_redirect_uris=(AFTER,))
    browser = Browser(world)
    browser.sign_in()
    tokens, held = browser.tokens(), Browser(world, dict(browser.cookies))
    fields = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "a b&c=d"}

    answer = ask(browser, method, **fields)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"{AFTER}?state=a+b%26c%3Dd"
    assert len([line for line in answer.headers.get_list("set-cookie") if "Max-Age=0" in line]) == 2
    assert session_of(held).ended_at is not None
    assert world.refresh(tokens["refresh_token"], "rp").json()["error"] == "invalid_grant"
    assert world.get("/userinfo", tokens["access_token"]).status_code == 401
    assert page_of(held.authorize())[0] == "login", "the cookie is worth nothing, whoever has kept it"
    assert ask(held, method, **fields).headers["location"] == answer.headers["location"], "a second time is no error"


@pytest.mark.parametrize("age", [timedelta(hours=2), timedelta(days=20)], ids=["expired", "and no visit for weeks"])
def test_an_id_token_that_has_expired_still_says_whose_session_it_was(person: Browser, age: timedelta):
    tokens, held = person.tokens(), Browser(person.world, dict(person.cookies))
    person.world.clock.move(seconds=age.total_seconds())
    assert ask(person, id_token_hint=tokens["id_token"]).status_code == 200
    assert session_of(held).ended_at is not None


def test_an_id_token_of_a_retired_key_counts_and_one_of_a_revoked_key_does_not(person: Browser):
    world, tokens, held = person.world, person.tokens(), Browser(person.world, dict(person.cookies))
    with world.change() as uow:
        (kid,) = [key.kid for key in uow.keys.list() if key.algorithm == "RS256"]
        uow.keys.revoke(kid, world.clock())
    assert ask(person, id_token_hint=tokens["id_token"]).status_code == 400
    assert session_of(held).ended_at is None
    newer = person.tokens()
    with world.change() as uow:
        (kid,) = [key.kid for key in uow.keys.list() if key.algorithm == "RS256" and key.revoked_at is None]
        uow.keys.retire(kid, world.clock() + timedelta(seconds=1))
    world.clock.move(seconds=2)
    assert ask(person, id_token_hint=newer["id_token"]).status_code == 200
    assert session_of(held).ended_at is not None


def _of_another_browser(person: Browser) -> dict[str, str]:
    other = Browser(person.world)
    other.sign_in()
    return {"id_token_hint": other.tokens()["id_token"]}


def _of_another_person(person: Browser) -> dict[str, str]:
    other = Browser(person.world)
    other.sign_in("bob")
    return {"id_token_hint": other.tokens()["id_token"]}


ASKED = [
    pytest.param(lambda _: {}, id="nothing"),
    pytest.param(lambda _: {"client_id": "rp"}, id="client alone"),
    pytest.param(lambda _: {"logout_hint": "alice"}, id="logout_hint"),
    pytest.param(_of_another_browser, id="ID token of another browser"),
    pytest.param(_of_another_person, id="ID token of another person"),
    pytest.param(
        lambda person: {"id_token_hint": person.world.tokens(scope="openid")["id_token"]}, id="ID token of an app"
    ),
]


@pytest.mark.parametrize("more", ASKED)
def test_whoever_was_not_told_of_this_session_has_to_ask_the_person(person: Browser, more):
    held, fields = Browser(person.world, dict(person.cookies)), more(person)
    shown = ask(person, **fields)
    assert shown.status_code == 200
    assert session_of(held).ended_at is None
    assert "alice" in Page(shown.text).text
    done = say_yes(person, shown)
    assert done.status_code == 200
    assert session_of(held).ended_at is not None


def test_after_the_question_the_browser_goes_where_the_client_wanted(person: Browser):
    shown = ask(person, client_id="rp", post_logout_redirect_uri="https://rp.example/out?a=b", state='"><script>')
    assert "<script>" not in shown.text
    assert "form-action 'self' https:" in shown.headers["content-security-policy"]
    answer = say_yes(person, shown)
    assert answer.headers["location"] == "https://rp.example/out?a=b&state=%22%3E%3Cscript%3E"


def test_a_second_click_is_answered_as_the_first(person: Browser):
    shown = ask(person, client_id="rp", post_logout_redirect_uri=AFTER)
    (form,) = Page(shown.text).forms
    answers = [person.send("POST", form.action, urlencode(form.fields), **SAME_ORIGIN) for _ in range(2)]
    assert [answer.headers.get("location") for answer in answers] == [AFTER, AFTER]


def test_a_person_signs_out_by_themselves(person: Browser):
    held = Browser(person.world, dict(person.cookies))
    assert say_yes(person, person.get("/ui/logout")).status_code == 200
    assert session_of(held).ended_at is not None
    again = person.get("/ui/logout")
    assert (again.status_code, Page(again.text).forms) == (200, [])


def test_who_is_not_signed_in_is_sent_on_or_told_so(person: Browser):
    nobody = Browser(person.world)
    assert (
        ask(nobody, client_id="rp", post_logout_redirect_uri=AFTER, state="x").headers["location"] == f"{AFTER}?state=x"
    )
    shown = ask(nobody, client_id="rp")
    assert (shown.status_code, Page(shown.text).forms) == (200, [])


def test_another_sites_form_is_sent_on_to_where_the_cookies_arrive(person: Browser):
    tokens, held = person.tokens(), Browser(person.world, dict(person.cookies))
    fields = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "evil": "x"}
    answer = ask(Browser(person.world), "POST", **fields)
    parts = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{ISSUER}/connect/logout?")
    assert parse_qs(parts.query).keys() == {"id_token_hint", "post_logout_redirect_uri"}
    assert person.get(answer.headers["location"]).headers["location"] == AFTER
    assert session_of(held).ended_at is not None


def _hints(person: Browser) -> dict[str, str]:
    """What somebody may have who was never told of the person's session."""
    own, world = Browser(person.world), person.world
    own.sign_in("bob")
    tokens = own.tokens(scope="openid es256:read")
    header, payload, _ = person.tokens()["id_token"].split(".")
    theirs = world.http.post(
        "/t/other/login", data={"client_id": "app", "username": "alice", "password": OTHER_PASSWORD, "scope": "openid"}
    )
    return {
        "none": "",
        "their own": tokens["id_token"],
        "an access token": tokens["access_token"],
        "a refresh token": tokens["refresh_token"],
        "no signature": f"{header}.{payload}.",
        "another signature": f"{header}.{payload}.{tokens['id_token'].rpartition('.')[2]}",
        "another tenant's": theirs.json()["id_token"],
        "nonsense": "x.y.z",
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("client_id", [None, "rp", "other", "nobody"])
def test_no_stranger_ends_a_session_or_sends_the_browser_away(person: Browser, method: str, client_id: str | None):
    held = Browser(person.world, dict(person.cookies))
    for name, hint in _hints(person).items():
        for redirect_uri in (None, AFTER, ELSEWHERE, "https://evil.example/"):
            fields = {"id_token_hint": hint, "client_id": client_id, "post_logout_redirect_uri": redirect_uri}
            answer = ask(person, method, **{key: value for key, value in fields.items() if value})
            assert answer.status_code in {200, 400}, (name, redirect_uri, answer.headers.get("location"))
            assert session_of(held).ended_at is None, name


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        pytest.param({"csrf": ""}, SAME_ORIGIN, id="no token"),
        pytest.param({"csrf": "x" * 43}, SAME_ORIGIN, id="made-up token"),
        pytest.param({}, {"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({}, {"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({}, {"Origin": "null"}, id="sandboxed frame"),
    ],
)
def test_no_other_site_says_yes(person: Browser, change, headers):
    held = Browser(person.world, dict(person.cookies))
    (form,) = Page(person.get("/ui/logout").text).forms
    answer = person.send("POST", form.action, urlencode(form.fields | change), **headers)
    assert answer.status_code in {400, 403}
    assert session_of(held).ended_at is None


def test_a_token_of_another_browser_says_nothing(person: Browser):
    attacker, held = Browser(person.world), Browser(person.world, dict(person.cookies))
    attacker.sign_in("bob")
    (form,) = Page(attacker.get("/ui/logout").text).forms
    assert person.send("POST", form.action, urlencode(form.fields), **SAME_ORIGIN).status_code in {400, 403}
    assert session_of(held).ended_at is None


HOSTILE = [
    f"{AFTER}/", f"{AFTER}/../x", f"{AFTER}/..;/x", f"{AFTER}?", f"{AFTER}?x", f"{AFTER}#", f"{AFTER}#x", f"{AFTER}%2f",
    f"{AFTER}%00", f"{AFTER} ", f" {AFTER}", f"{AFTER}x", AFTER[:-1], AFTER.upper(), AFTER.replace("https", "http"),
    AFTER.replace("rp.", "RP."), AFTER.replace("rp.example", "rp.example:443"),
    AFTER.replace("rp.example", "rp.example."),
    AFTER.replace("rp.example", "rp.example@evil.example"), AFTER.replace("rp.example", "evil.example\\@rp.example"),
    AFTER.replace("rp.example", "rp。example"), AFTER.replace("//", "\\\\"), AFTER.replace("//", "/"),
    "//rp.example/signed-out",
    "/signed-out", "javascript:alert(1)", "data:text/html,x", ELSEWHERE, "https://rp.example/cb", "https://evil.example/",
]  # fmt: skip


def test_only_a_registered_uri_is_gone_to_compared_as_a_whole(person: Browser):
    hint, held = person.tokens()["id_token"], Browser(person.world, dict(person.cookies))
    ways: tuple[dict[str, str], ...] = (
        {"id_token_hint": hint},
        {"client_id": "rp"},
        {"id_token_hint": hint, "client_id": "rp"},
        {},
    )
    for uri in HOSTILE:
        for browser in (person, Browser(person.world)):
            for method in ("GET", "POST"):
                for named in ways:
                    answer = ask(browser, method, post_logout_redirect_uri=uri, **named)
                    assert (answer.status_code, answer.headers.get("location")) == (400, None), (uri, method, named)
    assert session_of(held).ended_at is None


def test_a_clients_hint_and_name_must_be_of_one_client_that_is_there(person: Browser):
    world, hint = person.world, person.tokens()["id_token"]
    assert ask(person, id_token_hint=hint, client_id="other").status_code == 400
    assert ask(person, id_token_hint=hint, client_id="nobody").status_code == 400
    with world.change() as uow:
        uow.clients.disable("rp", world.clock())
    assert ask(person, id_token_hint=hint, post_logout_redirect_uri=AFTER).status_code == 400
    with world.change() as uow:
        client = uow.clients.get("rp")
        assert client is not None
        uow.clients.delete("rp")
        uow.clients.add(replace(client, disabled_at=None, created_at=world.clock() + timedelta(hours=1)))
    assert ask(person, id_token_hint=hint).status_code == 400, "another has the name now"


def test_a_parameter_that_comes_twice_is_refused(person: Browser):
    held = Browser(person.world, dict(person.cookies))
    assert person.get("/connect/logout?state=a&state=b").status_code == 400
    assert person.send("POST", "/connect/logout", "client_id=rp&client_id=other").status_code == 400
    assert session_of(held).ended_at is None


def test_the_page_speaks_the_language_that_the_client_asks_for(person: Browser):
    shown = ask(person, client_id="rp", ui_locales="fr de")
    assert 'lang="fr"' in shown.text
    assert 'lang="fr"' in say_yes(person, shown).text


def test_the_metadata_say_so(small_world: World):
    found = small_world.get("/.well-known/openid-configuration").json()
    assert found["end_session_endpoint"] == f"{ISSUER}/connect/logout"
    channels = [
        f"{channel}_logout_{what}supported" for channel in ("backchannel", "frontchannel") for what in ("", "session_")
    ]
    assert [found[name] for name in channels] == [True] * 4
