"""What the pages' forms send: tokens of forms, handles of errands, secrets of letters, passwords."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import httpx

from authsvc.crypto import opaque
from authsvc.crypto.form_token import form_token
from authsvc.web.cookies import cookie_name
from tests.flows.relying_party import Browser, page_of
from tests.flows.world import World

SIGNED_IN = (
    "account/apps", "account/data", "account/delete", "account/keys", "account/password", "account/profile",
    "account/sessions", "account/sign-in", "me/email/confirm",
)  # fmt: skip
"""Pages of a person whose browser has a session."""
PLAIN = ("forgot", "register/confirm", "reset")
"""Pages for everybody."""
ERRANDS: Mapping[str, Mapping[str, str]] = {
    "login": {}, "register": {"prompt": "create"}, "consent": {"prompt": "consent"},
    "select-account": {"prompt": "select_account"},
}  # fmt: skip
"""Pages on the way to an answer, and the request that leads there."""


class Hand(Protocol):
    """Who holds them (see tests/flows/artefacts.py)."""

    made: dict[str, str]

    @property
    def world(self) -> World: ...

    def __getitem__(self, name: str) -> str: ...


def reset_secret(letter_secret: Callable[[World], str]) -> Callable[[Hand], str]:
    """The secret that a person who forgot their password is sent."""

    def make(hand: Hand) -> str:
        name = f"reset{uuid4().hex[:12]}"
        alice = hand.world.user()
        with hand.world.change() as uow:
            uow.users.add(replace(alice, id=uuid4(), username=name, email=f"{name}@example.org", email_verified=True))
        assert hand.world.http.post("/password/forgot", json={"username": name}).status_code == 202
        return letter_secret(hand.world)

    return make


def csrf_of(page: str) -> Callable[[Hand, str], httpx.Response]:
    """The artefact in the place of the form's token."""
    return lambda hand, artefact: _form(hand, page, {"decision": "allow"}, csrf=artefact)


def is_form_of(page: str) -> Callable[[httpx.Response], bool]:
    """The form was this browser's: whatever else is wrong with it, or the errand has gone on to its next page."""
    stays = f"/ui/{page}" if page in ERRANDS else None
    return lambda answer: answer.status_code != 403 and _where(answer) != stays


def _where(answer: httpx.Response) -> str:
    return urlsplit(str(answer.headers.get("location", ""))).path


def field_of(page: str, name: str, **fields: str) -> Callable[[Hand, str], httpx.Response]:
    """The artefact in a field of a form that is this browser's own."""
    return lambda hand, artefact: _form(hand, page, {**fields, name: artefact})


def handle_at(page: str) -> Callable[[Hand, str], httpx.Response]:
    """The artefact in the place of the errand's handle, in the errand's own browser."""

    def present(hand: Hand, artefact: str) -> httpx.Response:
        browser_secret = hand["browser's cookie"]
        kinds = ((opaque.SESSION, hand.made["errand's session"]), (opaque.BROWSER, browser_secret))
        browser = Browser(hand.world, {cookie_name(hand.world.tenant, kind): secret for kind, secret in kinds})
        return browser.get(f"/ui/{page}?{urlencode({'flow': artefact})}")

    return present


def _form(hand: Hand, page: str, fields: Mapping[str, str], csrf: str | None = None) -> httpx.Response:
    """Send the page's form from one browser, which serves until something was accepted."""
    cookies, flow = _browser_at(hand, page)
    browser = Browser(hand.world, dict(cookies))
    kinds = (opaque.SESSION, opaque.BROWSER)
    secret = next(cookies[name] for name in (cookie_name(hand.world.tenant, kind) for kind in kinds) if name in cookies)
    token = form_token(secret, str(hand.world.tenant.id), page.replace("-", "_"), flow) if csrf is None else csrf
    sent = {**fields, "csrf": token} | ({"flow": flow} if flow else {})
    answer = browser.send("POST", f"/ui/{page}", urlencode(sent))
    if page in ("consent", "select-account"):
        return browser.get(f"/ui/continue?{urlencode({'flow': flow})}")
    if answer.status_code < 400:
        hand.made.pop(_key(page), None)
    return answer


def _browser_at(hand: Hand, page: str) -> tuple[dict[str, str], str]:
    if _key(page) not in hand.made:
        hand.made[_key(page)] = json.dumps(_begun(hand, page))
    cookies, flow = json.loads(hand.made[_key(page)])
    return cookies, flow


def _begun(hand: Hand, page: str) -> Any:
    browser = Browser(hand.world)
    if page not in ERRANDS:
        browser.sign_in("irma" if page == "me/email/confirm" else _someone(hand))
        return browser.cookies, ""
    if page not in ("login", "register"):
        browser.sign_in(_someone(hand))
    where, handle = page_of(browser.authorize("stranger-rp", **ERRANDS[page]))
    assert where == page
    return browser.cookies, handle


def _someone(hand: Hand) -> str:
    name = f"someone{uuid4().hex[:12]}"
    alice = hand.world.user()
    with hand.world.change() as uow:
        uow.users.add(replace(alice, id=uuid4(), username=name, email=None, email_verified=False))
    return name


def _key(page: str) -> str:
    return f"browser at {page}"
