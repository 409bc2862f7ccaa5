"""What browsers carry: codes, cookies, handles of errands; and the places that take them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx

from authsvc.app import key_policy, read_master_keys
from authsvc.crypto import opaque
from authsvc.domain.keyring import Keyring
from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.protocol.authorize import request_object
from authsvc.protocol.tokens.logout_token import sign_logout_token
from authsvc.web.cookies import cookie_name
from tests.flows import assertions
from tests.flows.assertions import a_key, jwks
from tests.flows.relying_party import REDIRECT_URI, Browser, add_client, answered, asked, page_of, redeem
from tests.flows.world import ISSUER, World


def add_relying_parties(world: World) -> None:
    add_client(world)
    add_client(world, "stranger-rp", first_party=False)
    add_client(world, "asker", jwks=jwks(a_key("ES256", "asker")), request_object_algorithm="ES256")


class Hand(Protocol):
    """Who holds them (see tests/flows/artefacts.py)."""

    made: dict[str, str]

    @property
    def world(self) -> World: ...

    def __getitem__(self, name: str) -> str: ...


def _signed_in(hand: Hand) -> Browser:
    browser = Browser(hand.world)
    browser.sign_in()
    return browser


def code(hand: Hand) -> str:
    return _signed_in(hand).code()


def id_token(hand: Hand) -> str:
    return str(_signed_in(hand).tokens()["id_token"])


def session_secret(hand: Hand) -> str:
    return _signed_in(hand).cookies[cookie_name(hand.world.tenant, opaque.SESSION)]


def errand(which: str) -> Callable[[Hand], str]:
    """An errand that waits for nothing more: its handle and both cookies of its browser belong together."""

    def make(hand: Hand) -> str:
        world, browser = hand.world, Browser(hand.world)
        session = browser.sign_in()
        _, handle = page_of(browser.authorize("stranger-rp", prompt="select_account"))
        now, nothing = world.clock(), frozenset[str]()
        agreed = Consent(session.user_id, "stranger-rp", frozenset({"openid"}), nothing, nothing, now, now)
        with world.change() as uow:
            uow.consents.give(agreed)
            kept = uow.continuations.find(opaque.hash_secret(handle))
            assert kept is not None
            uow.continuations.save(replace(kept, done=frozenset({"select_account"})))
        hand.made["errand's handle"] = handle
        hand.made["browser's cookie"] = browser.cookies[cookie_name(world.tenant, opaque.BROWSER)]
        hand.made["errand's session"] = browser.cookies[cookie_name(world.tenant, opaque.SESSION)]
        return hand.made[which]

    return make


def signed_request(hand: Hand) -> str:
    now = int(hand.world.clock().timestamp())
    claims = {**asked("asker"), "iss": "asker", "aud": ISSUER, "exp": now + 60}
    return assertions.signed(claims, a_key("ES256", "asker"), typ=request_object.TYPE)


def logout_token(hand: Hand) -> str:
    """What rp is told when a session ends."""
    world, now = hand.world, hand.world.clock()
    keyring = Keyring(read_master_keys(world.settings), key_policy(world.settings))
    delivery = LogoutDelivery(uuid4(), "rp", uuid4(), world.user().id, now, now)
    with world.change() as uow:
        key = keyring.signing_key("RS256", uow, now)
        return sign_logout_token(delivery, str(delivery.user_id), ISSUER, key, now)


def hinted(hand: Hand, artefact: str) -> httpx.Response:
    """As another site's form brings it: what is accepted is sent on."""
    return Browser(hand.world).send("POST", "/connect/logout", urlencode({"id_token_hint": artefact}))


def signed_out_by(hand: Hand, artefact: str) -> httpx.Response:
    return _signed_in(hand).send("POST", "/ui/logout", urlencode({"csrf": artefact}))


def is_not_refused(answer: httpx.Response) -> bool:
    return answer.status_code < 400


def redeemed(hand: Hand, artefact: str) -> httpx.Response:
    return redeem(hand.world, artefact)


def verified(hand: Hand, artefact: str) -> httpx.Response:
    key = "code of verifiers"
    answer = redeem(hand.world, hand.made.setdefault(key, code(hand)), code_verifier=artefact)
    if answer.is_success:
        del hand.made[key]
    return answer


def requested(name: str) -> Callable[[Hand, str], httpx.Response]:
    client = "asker" if name == "request" else "rp"
    return lambda hand, artefact: _signed_in(hand).authorize(client, **{name: artefact, "prompt": "none"})


def refused_not_by(error: str) -> Callable[[httpx.Response], bool]:
    return lambda answer: answered(answer).get("error") != error


def is_answered(answer: httpx.Response) -> bool:
    return str(answer.headers.get("location", "")).startswith(f"{REDIRECT_URI}?code=")


def session_cookie(hand: Hand, artefact: str) -> httpx.Response:
    return _browser(hand, artefact, None).authorize()


def continued(hand: Hand, artefact: str) -> httpx.Response:
    return _gone_on(hand, artefact, hand["browser's cookie"])


def browser_cookie(hand: Hand, artefact: str) -> httpx.Response:
    return _gone_on(hand, hand["errand's handle"], artefact)


def _gone_on(hand: Hand, handle: str, browser_secret: str) -> httpx.Response:
    browser = _browser(hand, hand.made["errand's session"], browser_secret)
    answer = browser.get(f"/ui/continue?{urlencode({'flow': handle})}")
    if is_answered(answer):
        # It is over, with all that belonged to it.
        for name in ("errand's handle", "browser's cookie", "errand's session"):
            del hand.made[name]
    return answer


def _browser(hand: Hand, session: str | None, browser: str | None) -> Browser:
    kinds = ((opaque.SESSION, session), (opaque.BROWSER, browser))
    names = {cookie_name(hand.world.tenant, kind): quote(secret, safe="") for kind, secret in kinds if secret}
    return Browser(hand.world, names)


BROWSERS: Mapping[str, Callable[[Hand], str]] = {
    "authorization code": code,
    "ID token of a relying party": id_token,
    "request object": signed_request,
    "logout token": logout_token,
    "session's cookie": session_secret,
    "browser's cookie": errand("browser's cookie"),
    "errand's handle": errand("errand's handle"),
    "nobody's registration token": lambda _: opaque.new_secret(opaque.REGISTRATION_TOKEN),
    "nobody's client token": lambda _: opaque.new_secret(opaque.CLIENT_TOKEN),
}
