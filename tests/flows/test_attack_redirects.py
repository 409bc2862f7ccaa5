"""Redirects that lead elsewhere: hostile URIs at every entry point, by every error path and in every response mode.

CVE-2024-52289, CVE-2026-7504, CVE-2026-3872, CVE-2024-8883, CVE-2026-41479, CVE-2026-44681, CVE-2023-6927.
"""

import itertools
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from authsvc.protocol.authorize.redirect_uri import is_registered
from tests.flows import assertions
from tests.flows.assertions import a_key, jwks
from tests.flows.hostile_uris import EVIL, LOOPBACK, REGISTERED, WEB, hostile_uris
from tests.flows.relying_party import Browser, add_client, answered, asked
from tests.flows.world import ISSUER, running_world

HOSTILE = hostile_uris()
WAYS: list[dict[str, Any]] = [
    {}, {"prompt": "none"}, {"scope": "nonsense"}, {"response_type": "token"}, {"response_type": None},
    {"response_mode": "nonsense"}, {"resource": "https://unknown.example"}, {"claims": "["}, {"max_age": "x"},
    {"code_challenge": None}, {"state": ["a", "b"]}, {"request_uri": "https://rp.example"}, {"registration": "{}"},
    {"id_token_hint": "x"}, {"prompt": "login"}, {"scope": None},
]  # fmt: skip
ENTRIES = ("GET", "POST", "object")
MODES = (None, "query", "fragment", "form_post", "form_post.jwt")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    directory = tmp_path_factory.mktemp("redirects")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        native = {"application_type": "native", "redirect_uris": REGISTERED}
        add_client(world, "rp", **native)
        add_client(world, "asker", **native, jwks=jwks(a_key("ES256", "asker")), request_object_algorithm="ES256")
        browser = Browser(world)
        browser.sign_in()
        yield browser


def test_the_corpus_is_large_and_has_every_kind():
    assert len(HOSTILE) > 3_000
    for part in (
        "@",
        "\\",
        "\t",
        "\r",
        "\n",
        "%00",
        "\u3002",
        "%25lo",
        "..;/",
        "%252f",
        ":99999",
        "javascript:",
        "HTTPS",
    ):
        assert any(part in uri for uri in HOSTILE), part


def test_no_hostile_uri_is_taken_for_a_registered_one():
    assert [uri for uri in HOSTILE if is_registered(uri, REGISTERED)] == []
    assert [uri for uri in REGISTERED if not is_registered(uri, REGISTERED)] == []


def test_a_name_is_no_loopback_address():
    """It resolves to whatever the resolver says: its port is as registered (RFC 8252 §8.3)."""
    assert is_registered("http://localhost:3000/cb", ("http://localhost:3000/cb",))
    assert not is_registered("http://localhost:3001/cb", ("http://localhost:3000/cb",))
    assert not is_registered("https://127.0.0.1:3001/cb", ("https://127.0.0.1:3000/cb",))


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://[::1]:51004/cb"]
)
def test_an_app_on_this_machine_may_listen_on_any_port(browser: Browser, uri: str):
    assert answered(browser.authorize(redirect_uri=uri), uri)["code"]
    assert answered(browser.authorize(redirect_uri=uri, prompt="login consent none"), uri)["error"] == "invalid_request"


def _leads_nowhere(answer: httpx.Response, uri: str) -> None:
    assert answer.status_code == 400, (uri, answer.status_code, answer.headers.get("location"))
    assert "location" not in answer.headers, uri
    assert "refresh" not in answer.headers, uri
    assert EVIL not in answer.text, uri
    assert "<form" not in answer.text, uri


def _is_refused_at(redirect_uri: str, answer: httpx.Response) -> None:
    location = answer.headers.get("location", "")
    assert location.startswith(redirect_uri) if location else f'action="{redirect_uri}"' in answer.text
    assert any(error in (location or answer.text) for error in ("invalid_request", "registration_not_supported"))
    assert EVIL not in location + answer.text


def _ask(browser: Browser, entry: str, uri: str, parameters: dict[str, Any]) -> None:
    if entry == "object":
        now = int(browser.world.clock().timestamp())
        claims = {**asked("asker", **parameters), "iss": "asker", "aud": ISSUER, "exp": now + 60}
        token = assertions.signed(claims, a_key("ES256", "asker"), typ="oauth-authz-req+jwt")
        beside = (WEB, uri, None)[len(uri) % 3]
        answer = browser.authorize("asker", request=token, redirect_uri=beside)
        if beside == WEB and answer.status_code != HTTPStatus.BAD_REQUEST:
            # An object that cannot be read, or holds what it must not, is refused where the URI beside it leads.
            _is_refused_at(WEB, answer)
            return
    elif entry == "POST":
        answer = browser.post_authorize(**parameters)
    else:
        answer = browser.authorize(**parameters)
    _leads_nowhere(answer, uri)


def _is_sendable(uri: str) -> bool:
    return not "\ud7ff" < uri[:1] < "\ue000"


def test_no_way_of_asking_sends_the_browser_there(browser: Browser):
    """Some hostile URIs once, each in another way: together all ways, entry points and response modes."""
    turns = itertools.cycle(itertools.product(ENTRIES, MODES, WAYS))
    for uri, (entry, mode, way) in zip(HOSTILE[::4] + HOSTILE[1::7], turns, strict=False):
        if _is_sendable(uri):
            _ask(browser, entry, uri, {"redirect_uri": uri, "response_mode": mode, **way})


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("entry", "mode"), list(itertools.product(ENTRIES, MODES)))
def test_no_hostile_uri_is_taken_at_any_entry_point_in_any_response_mode(
    browser: Browser, entry: str, mode: str | None
):
    ways, asked_for = itertools.cycle(WAYS), 0
    for uri in filter(_is_sendable, HOSTILE):
        _ask(browser, entry, uri, {"redirect_uri": uri, "response_mode": mode, **next(ways)})
        asked_for += 1
    assert asked_for > 2_000


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
@pytest.mark.parametrize("way", WAYS[:-1], ids=str)
def test_a_good_uri_is_where_every_answer_goes(browser: Browser, way: dict[str, Any], mode: str):
    answer = browser.authorize(**{"redirect_uri": LOOPBACK, "response_mode": mode, **way})
    location = answer.headers.get("location", "")
    if location:
        assert location.startswith((f"{LOOPBACK}?", f"{LOOPBACK}#", f"{ISSUER}/ui/"))
        assert way or location.startswith(LOOPBACK)
    else:
        assert f'action="{LOOPBACK}"' in answer.text


XSS = ('"><script>alert(1)</script>', "'onmouseover='alert(1)", "javascript:alert(1)", "</script><svg/onload=alert(1)>",
       "{{7*7}}", "\u2028alert(1)", "<!--", "&#x3c;script&#x3e;", "\"'`<>&")  # fmt: skip


ECHOED = (
    "state", "client_id", "redirect_uri", "scope", "nonce", "response_type", "prompt", "ui_locales", "login_hint",
    "display", "response_mode", "x",
)  # fmt: skip


@pytest.mark.parametrize("name", ECHOED)
def test_what_is_echoed_is_no_markup(browser: Browser, name: str):
    for text in XSS:
        for mode in ("form_post", "query"):
            parameters: dict[str, Any] = {"response_mode": mode, "redirect_uri": WEB, name: text}
            client_id = str(parameters.pop("client_id", "rp"))
            answer = browser.authorize(client_id, **parameters)
            assert answer.status_code in (200, 303, 400)
            is_markup = any(mark in text for mark in "<>\"'")
            assert not is_markup or text not in answer.text, (name, text)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
