"""ID tokens that come back as a hint: where a browser brings them, and what taking one looks like."""

from urllib.parse import urlencode
from uuid import UUID

import httpx

from tests.flows.relying_party import REDIRECT_URI, Browser, add_client
from tests.flows.token_rig import Rig

_BROWSERS: dict[UUID, Browser] = {}


def _browser(rig: Rig) -> Browser:
    """One browser of a rig, whose person is signed in; the client is there with it."""
    tenant = rig.shop.world.tenant.id
    if tenant not in _BROWSERS:
        add_client(rig.shop.world)
        _BROWSERS[tenant] = Browser(rig.shop.world)
        _BROWSERS[tenant].sign_in()
    return _BROWSERS[tenant]


def hint_at_authorize(rig: Rig, token: str) -> httpx.Response:
    return _browser(rig).authorize(id_token_hint=token, prompt="none")


def hint_at_logout(rig: Rig, token: str) -> httpx.Response:
    """As another site's form brings it: what is accepted is sent on, and nobody is signed out yet."""
    return Browser(rig.shop.world).send("POST", "/connect/logout", urlencode({"id_token_hint": token}))


def has_code(answer: httpx.Response) -> bool:
    return str(answer.headers.get("location", "")).startswith(f"{REDIRECT_URI}?code=")


def told_in_browser(rig: Rig) -> str:
    return str(_browser(rig).tokens()["id_token"])
