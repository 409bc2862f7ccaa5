"""A relying party and a browser, played step by step: the browser keeps cookies, the client checks what comes back."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import httpx

from authsvc.crypto import opaque
from authsvc.domain.parties.clients import Client, check_client, with_new_secret
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.parties.resources import IDENTITY_SCOPES
from authsvc.domain.sign_in.sessions import BROWSER, BrowserSession, Session
from authsvc.web.cookies import cookie_name
from tests.flows.world import ISSUER, World, a_client

REDIRECT_URI = "https://rp.example/cb"
VERIFIER = "a-verifier-of-at-least-forty-three-characters"
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
GRANTS = frozenset({"authorization_code", "refresh_token"})


def add_client(world: World, client_id: str = "rp", **changed: Any) -> Client:
    """A confidential first-party client of OpenID Connect; `changed` says what is different, of either noun."""
    own = {name: changed.pop(name) for name in list(changed) if name in RelyingParty.__slots__}
    scopes = IDENTITY_SCOPES | {"account", "es256:read", "es256:write", "ps256:read"}
    values = {"auth_method": "client_secret_post", "grant_types": GRANTS, "scopes": scopes, **changed}
    client = a_client(client_id, world.clock(), **values)
    client = replace(client, relying_party=RelyingParty(**{"redirect_uris": (REDIRECT_URI,), **own}))
    if client.has_secrets:
        client, world.secrets[client_id] = with_new_secret(client, world.clock())
    with world.change() as uow:
        uow.clients.add(check_client(client))
    return client


def asked(client_id: str = "rp", **changed: Any) -> dict[str, Any]:
    """The parameters of a good request; None takes one out."""
    wanted = {
        "client_id": client_id, "response_type": "code", "redirect_uri": REDIRECT_URI, "scope": "openid",
        "state": "st-1", "nonce": "n-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changed,
    }  # fmt: skip
    return {name: value for name, value in wanted.items() if value is not None}


@dataclass(slots=True)
class Browser:
    """One browser of a person: its cookies for this server."""

    world: World
    cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(self, username: str = "alice", ago_seconds: float = 0, **changed: Any) -> Session:
        """Begin a session behind the pages' back."""
        world, now, user = self.world, self.world.clock(), self.world.user(username)
        session = Session(uuid4(), user.id, BROWSER, now - timedelta(seconds=ago_seconds), ("pwd",),
                          now + timedelta(days=30))  # fmt: skip
        session, secret = replace(session, **changed), opaque.new_secret(opaque.SESSION)
        browser = BrowserSession(
            session, opaque.hash_secret(secret), now + timedelta(hours=12), now, "192.0.2.1", "test"
        )
        with world.change() as uow:
            uow.browser_sessions.add(browser)
        self.cookies[cookie_name(world.tenant, opaque.SESSION)] = secret
        return session

    def get(self, address: str, **headers: str) -> httpx.Response:
        return self.send("GET", address, **headers)

    def send(self, method: str, address: str, content: str | None = None, **headers: str) -> httpx.Response:
        """One request, without following where it leads."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            named["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if content is not None:
            named["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self.world.http.request(method, address, content=content, headers=named)
        self.world.http.cookies.clear()
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def authorize(self, client_id: str = "rp", **changed: Any) -> httpx.Response:
        return self.get(f"/authorize?{urlencode(asked(client_id, **changed), doseq=True)}")

    def post_authorize(self, client_id: str = "rp", **changed: Any) -> httpx.Response:
        """The request as another site's form brings it: without cookies."""
        return Browser(self.world).send("POST", "/authorize", urlencode(asked(client_id, **changed), doseq=True))

    def code(self, client_id: str = "rp", **changed: Any) -> str:
        """The code of a request that is answered at once."""
        answer = self.authorize(client_id, **changed)
        return answered(answer)["code"]

    def tokens(self, client_id: str = "rp", **changed: Any) -> dict[str, Any]:
        """The tokens of such a request."""
        answer = redeem(self.world, self.code(client_id, **changed), client_id)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def answered(answer: httpx.Response, redirect_uri: str = REDIRECT_URI) -> Mapping[str, str]:
    """What an answer by query says to the client, each once."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    assert location.partition("?")[0] == redirect_uri, location
    found = parse_qs(urlsplit(location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


def redeem(world: World, code: str, client_id: str = "rp", **changed: Any) -> httpx.Response:
    """POST /token for a code; None takes a parameter out."""
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, **changed}
    return world.token(client_id, "authorization_code", **fields)


def page_of(answer: httpx.Response) -> tuple[str, str]:
    """The page that the browser was sent to, and the handle of its errand."""
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{ISSUER}/ui/"), answer.headers["location"]
    return parts.path.removeprefix("/ui/"), parse_qs(parts.query).get("flow", [""])[0]
