"""A browser with a session: /authorize -> code -> /token, against npm oidc-provider with its in-memory adapter.

Both answer a confidential client by PKCE, a code in a redirect, then an ES256 access token for an API and an RS256 ID
token. authsvc writes the code and its use to its database, the peer to memory.
"""

import base64
import hashlib
import http.cookiejar
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from uuid import uuid4

from bench import load, pair, postgres, rounds
from bench.processes import BenchError
from bench.servers import FORM, Authsvc, Facts, Server, give_birth, read_facts, start_authsvc, start_oidc_provider

NAME = "authorize"
CLIENT_ID = "bench-rp"
REDIRECT_URI = "https://rp.example/cb"
VERIFIER = "a-verifier-of-at-least-forty-three-characters"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REQUESTS_OF_A_FLOW = 2


def query(facts: Facts) -> str:
    """The authorization request, the same for both."""
    return urlencode(
        {
            "client_id": facts.client_id, "response_type": "code", "redirect_uri": REDIRECT_URI, "state": "st",
            "nonce": "n", "scope": f"openid {facts.scopes[0]}", "resource": facts.audience, "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
    )  # fmt: skip


def redeeming(facts: Facts, code: str) -> load.Load:
    """The request that turns a code into tokens."""
    basic = base64.b64encode(f"{facts.client_id}:{facts.client_secret}".encode()).decode()
    form = {
        "grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, "code": code,
    }  # fmt: skip
    return load.Load(f"{facts.issuer}/token", "POST", {**FORM, "Authorization": f"Basic {basic}"}, urlencode(form))


def flows(facts: Facts, path: str, cookies: str) -> load.Load:
    """Each redirect leaves its code, which the next free connection redeems."""
    token = redeeming(facts, "")
    script = f"""
local codes = {{}}
local token_headers = {{
  ["Content-Type"] = {load.lua_text(token.headers["Content-Type"])},
  ["Authorization"] = {load.lua_text(token.headers["Authorization"])},
}}
local browser_headers = {{ ["Cookie"] = {load.lua_text(cookies)} }}
function request()
  local code = table.remove(codes)
  if code then
    return wrk.format("POST", "/token", token_headers, {load.lua_text(token.body)} .. code)
  end
  return wrk.format("GET", {load.lua_text(f"{path}?{query(facts)}")}, browser_headers)
end
function response(status, headers, body)
  if status ~= 303 and status ~= 302 then return end
  for name, value in pairs(headers) do
    if name:lower() == "location" then codes[#codes + 1] = value:match("[?&]code=([^&]+)") end
  end
end
"""
    return load.Load(f"{facts.issuer}{path}", script=script)


def prepare(data: Path, facts: Facts, database_url: str) -> tuple[Facts, str]:
    """Register a first-party client and sign the user in at a browser; return the facts and its cookies."""
    from authsvc.crypto import opaque  # noqa: PLC0415 - the other comparisons run without it
    from authsvc.domain.parties.clients import Client, check_client, with_new_secret  # noqa: PLC0415
    from authsvc.domain.parties.relying_parties import RelyingParty  # noqa: PLC0415
    from authsvc.domain.sign_in.sessions import BROWSER, BrowserSession, Session  # noqa: PLC0415
    from authsvc.storage.sql.engine import open_storage  # noqa: PLC0415
    from authsvc.web.cookies import cookie_name  # noqa: PLC0415

    now, secret = datetime.now(UTC), opaque.new_secret(opaque.SESSION)
    client, client_secret = with_new_secret(
        Client(
            id=CLIENT_ID, name=CLIENT_ID, auth_method="client_secret_basic", secrets=(), first_party=True,
            grant_types=frozenset({"authorization_code"}), scopes=frozenset({"openid", *facts.scopes}),
            resources=frozenset({facts.audience}), origins=frozenset(), profile="oauth2.1", id_token_algorithm="RS256",
            created_at=now, relying_party=RelyingParty(redirect_uris=(REDIRECT_URI,)),
        ),
        now,
    )  # fmt: skip
    storage = open_storage(database_url or f"sqlite:///{data / 'authsvc.db'}", pool_size=1, cache=None)
    try:
        tenant = next(each for each in storage.list_tenants() if each.is_default)
        uow = storage.unit_of_work(tenant.id)
        uow.begin()
        uow.clients.add(check_client(client))
        user = uow.users.find_by_login(facts.username)
        if user is None:
            message = f"there is no user {facts.username}"
            raise BenchError(message)
        later = now + timedelta(days=1)
        session = Session(uuid4(), user.id, BROWSER, now, ("pwd",), later)
        uow.browser_sessions.add(BrowserSession(session, opaque.hash_secret(secret), later, now, "127.0.0.1", "wrk"))
        uow.commit()
        uow.close()
    finally:
        storage.close()
    told = replace(facts, client_id=CLIENT_ID, client_secret=client_secret)
    cookies = {opaque.SESSION: secret, opaque.BROWSER: opaque.new_secret(opaque.BROWSER)}
    return told, "; ".join(f"{cookie_name(tenant, kind)}={value}" for kind, value in cookies.items())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0913 - the overridden signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Let the redirect itself be the answer."""


def sign_in_at_peer(facts: Facts) -> str:
    """Click through the peer's own development pages; return the cookies of its session."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPCookieProcessor(jar))
    url, forms = f"{facts.issuer}/auth?{query(facts)}", ["prompt=login&login=ada&password=x", "prompt=consent"]
    body: bytes | None = None
    for _ in range(12):
        request = urllib.request.Request(url, body, FORM if body else {})  # noqa: S310 - of the peer
        try:
            with opener.open(request, timeout=30):
                # A page: fill in its form.
                body = forms.pop(0).encode()
                continue
        except urllib.error.HTTPError as redirect:
            url, body = urljoin(url, redirect.headers.get("Location", "")), None
        if url.startswith(REDIRECT_URI):
            return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar if cookie.path == "/")
    message = f"the peer's sign-in went astray at {url}"
    raise BenchError(message)


def must_be_tokens(facts: Facts, path: str, cookies: str) -> None:
    """Refuse to measure a server whose flow does not end in the tokens that the comparison is about."""
    opener = urllib.request.build_opener(_NoRedirect)
    request = urllib.request.Request(f"{facts.issuer}{path}?{query(facts)}", headers={"Cookie": cookies})  # noqa: S310
    try:
        opener.open(request, timeout=30)
        location = ""
    except urllib.error.HTTPError as redirect:
        location = redirect.headers.get("Location", "")
    code = parse_qs(urlsplit(location).query).get("code", [""])[0]
    pair.must_be_es256_token(redeeming(facts, code))


def measured(server: Server, request: load.Load) -> Callable[[rounds.Plan], rounds.Sample]:
    """One round, in flows."""

    def measure(plan: rounds.Plan) -> rounds.Sample:
        sample = pair.measure(server, request, plan.seconds)
        per_cpu = sample.per_cpu_second
        return replace(
            sample,
            value=sample.value / REQUESTS_OF_A_FLOW,
            per_cpu_second=None if per_cpu is None else per_cpu / REQUESTS_OF_A_FLOW,
        )

    return measure


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Flows per second, each server on the one server core: on SQLite, then on PostgreSQL."""
    on_sqlite = _against_peer(plan, directory / "sqlite", "", "SQLite")
    with postgres.cluster() as database_url:
        return [on_sqlite, _against_peer(plan, directory / "postgresql", database_url, "PostgreSQL")]


def _against_peer(plan: rounds.Plan, directory: Path, database_url: str, database: str) -> rounds.Figure:
    directory.mkdir()
    how = Authsvc(directory, database_url=database_url)
    data = give_birth(how)
    facts, own_cookies = prepare(data, read_facts(data), database_url)
    with start_authsvc(how) as ours, start_oidc_provider(directory, redirect_uri=REDIRECT_URI) as theirs:
        sides = []
        for server, told, path, cookies in (
            (ours, facts, "/authorize", own_cookies),
            (theirs, theirs.facts, "/auth", sign_in_at_peer(theirs.facts)),
        ):
            must_be_tokens(told, path, cookies)
            request = flows(told, path, cookies)
            pair.warm_up(request, plan.warm_up_seconds)
            sides.append(measured(server, request))
        mine, peers = rounds.alternate(plan, lambda: sides[0](plan), lambda: sides[1](plan))
    judged = rounds.Judged(
        f"authorize with a session -> code -> tokens on {database} against npm oidc-provider 9 (in-memory adapter)",
        "flows/s",
        must=0.8,
        aim=1.2,
    )
    return pair.figure(judged, mine, peers)
