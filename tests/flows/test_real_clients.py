"""Relying parties that other people wrote, unpatched, sign a person in, refresh, read userinfo and sign out.

The person fills in the pages' forms over plain HTTP. What was changed on the way back is refused by the clients.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import requests
from authlib.integrations.starlette_client import OAuth
from oauthlib.oauth2 import MismatchingStateError, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session
from starlette.requests import Request

from authsvc.domain.tenants import REGISTRATION_BY_TOKEN
from authsvc.storage.sql.engine import open_storage
from tests.flows.person import Person
from tests.flows.processes import serving_processes
from tests.flows.registering import a_registration_token
from tests.flows.world import install
from tests.harness.postgres import free_port
from tests.harness.requirements import INTEROP, require

CALLBACK, GOODBYE = "https://rp.example/callback", "https://rp.example/goodbye"
METADATA = {
    "client_name": "A shop", "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [GOODBYE],
    "grant_types": ["authorization_code", "refresh_token"],
}  # fmt: skip
SCOPE = "openid profile email offline_access"


@dataclass(frozen=True, slots=True)
class Service:
    """A running server that registers clients."""

    address: str
    initial_token: str = field(repr=False)

    def register(self, **changed: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.initial_token}"}
        answer = httpx.post(
            f"{self.address}/connect/register", json=METADATA | changed, headers=headers, trust_env=False, timeout=60
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def metadata(self) -> dict[str, Any]:
        found = httpx.get(f"{self.address}/.well-known/openid-configuration", trust_env=False, timeout=60)
        return dict(found.json())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory, port = tmp_path_factory.mktemp("real-clients"), free_port()
    address = f"http://127.0.0.1:{port}"
    installation = install(f"sqlite:///{directory}/authsvc.db", directory, address)
    storage = open_storage(installation.settings.database_url, pool_size=1, cache=None)
    uow = storage.unit_of_work(installation.tenant.id)
    token, secret = a_registration_token(installation.tenant.created_at)
    uow.begin()
    uow.tenants.set_client_registration(installation.tenant.id, REGISTRATION_BY_TOKEN)
    uow.registration_tokens.add(token)
    uow.commit()
    uow.close()
    storage.close()
    with serving_processes(installation.settings, [port], directory / "log"):
        yield Service(address, secret)


@pytest.fixture
def person(service: Service) -> Person:
    return Person(service.address)


def _changed(url: str, name: str) -> str:
    """The URL with another value of that parameter."""
    value = parse_qs(urlsplit(url).query)[name][0]
    return url.replace(value, value[:-4] + ("AAAA" if not value.endswith("AAAA") else "BBBB"))


class Shop:
    """A relying party on Authlib's integration with Starlette; `session` is what its own cookie would hold."""

    def __init__(self, service: Service, **changed: Any) -> None:
        self.registered = service.register(**changed)
        self.session: dict[str, Any] = {}
        self.client = OAuth().register(
            "authsvc",
            client_id=self.registered["client_id"],
            client_secret=self.registered.get("client_secret"),
            server_metadata_url=f"{service.address}/.well-known/openid-configuration",
            client_kwargs={
                "scope": SCOPE, "code_challenge_method": "S256", "trust_env": False,
                "token_endpoint_auth_method": self.registered["token_endpoint_auth_method"],
            },
        )  # fmt: skip

    def begin(self) -> str:
        """The address that it sends the browser to."""
        sent = asyncio.run(self.client.authorize_redirect(self._request("/login"), CALLBACK, prompt="consent"))
        return str(sent.headers["location"])

    def finish(self, came_back_to: str) -> dict[str, Any]:
        """The tokens, with the checked ID token's claims as `userinfo`."""
        return dict(asyncio.run(self.client.authorize_access_token(self._request(came_back_to))))

    def userinfo(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        return dict(asyncio.run(self.client.userinfo(token=tokens)))

    def refreshed(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        async def refresh() -> dict[str, Any]:
            metadata = await self.client.load_server_metadata()
            async with self.client._get_oauth_client(**metadata) as session:
                return dict(await session.refresh_token(metadata["token_endpoint"], tokens["refresh_token"]))

        return asyncio.run(refresh())

    def _request(self, url: str) -> Request:
        parts = urlsplit(url)
        scope = {
            "type": "http", "method": "GET", "scheme": "https", "server": ("rp.example", 443), "path": parts.path,
            "query_string": parts.query.encode(), "headers": [], "session": self.session,
        }  # fmt: skip
        return Request(scope)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib_signs_a_person_in(service: Service, person: Person, method: str):
    shop = Shop(service, token_endpoint_auth_method=method)
    back = person.open(shop.begin())
    assert person.pages == ["/ui/login", "/ui/consent"]
    tokens = shop.finish(back)
    told = shop.userinfo(tokens)
    assert (told["sub"], told["email"]) == (tokens["userinfo"]["sub"], "Alice@Example.com")
    again = shop.refreshed(tokens)
    assert again["refresh_token"] != tokens["refresh_token"]
    assert shop.userinfo(again)["sub"] == told["sub"]


@pytest.mark.parametrize("name", ["state", "nonce"])
def test_authlib_refuses_what_was_changed_on_the_way(service: Service, person: Person, name: str):
    shop = Shop(service)
    url = shop.begin()
    back = person.open(_changed(url, "nonce") if name == "nonce" else url)
    with pytest.raises(Exception, match=r"(?i)state|nonce"):
        shop.finish(_changed(back, "state") if name == "state" else back)


@contextmanager
def _requests_session(service: Service, registered: Mapping[str, Any]) -> Iterator[OAuth2Session]:
    with pytest.MonkeyPatch.context() as patched:
        # The server's address is of this machine; the library knows https alone.
        patched.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        session = OAuth2Session(registered["client_id"], redirect_uri=CALLBACK, scope=SCOPE.split(), pkce="S256")
        session.trust_env = False
        yield session


def test_requests_oauthlib_signs_a_person_in_and_out(service: Service, person: Person):
    registered, found = service.register(), service.metadata()
    secret = HTTPBasicAuth(registered["client_id"], registered["client_secret"])
    with _requests_session(service, registered) as session:
        url, state = session.authorization_url(found["authorization_endpoint"], nonce="n", prompt="consent")
        back = person.open(url)
        assert parse_qs(urlsplit(back).query)["state"] == [state]
        tokens = session.fetch_token(found["token_endpoint"], authorization_response=back, auth=secret)
        assert session.get(found["userinfo_endpoint"]).json()["preferred_username"] == "alice"
        again = session.refresh_token(found["token_endpoint"], auth=secret)
        assert again["refresh_token"] != tokens["refresh_token"]
        assert session.get(found["userinfo_endpoint"]).status_code == 200
    asked = requests.Request(
        "GET", found["end_session_endpoint"],
        params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": GOODBYE, "state": "bye"},
    )  # fmt: skip
    assert person.open(str(asked.prepare().url)) == f"{GOODBYE}?state=bye"
    # The next sign-in asks for the password again.
    person.pages.clear()
    with _requests_session(service, registered) as session:
        person.open(session.authorization_url(found["authorization_endpoint"])[0])
    assert person.pages[0] == "/ui/login"


@pytest.mark.parametrize("name", ["state", "code"])
def test_requests_oauthlib_refuses_what_was_changed_on_the_way(service: Service, person: Person, name: str):
    registered, found = service.register(), service.metadata()
    secret = HTTPBasicAuth(registered["client_id"], registered["client_secret"])
    with _requests_session(service, registered) as session:
        back = person.open(session.authorization_url(found["authorization_endpoint"])[0])
        with pytest.raises(MismatchingStateError if name == "state" else OAuth2Error):
            session.fetch_token(found["token_endpoint"], authorization_response=_changed(back, name), auth=secret)


@contextmanager
def _openid_client(service: Service, authentication: str, **changed: Any) -> Iterator[Callable[[str | None], Any]]:
    """The program of tests/interop; the function sends it a line and returns what it says next."""
    require("npm packages")
    asked = {
        "issuer": service.address, "initialAccessToken": service.initial_token, "metadata": METADATA | changed,
        "authentication": authentication, "ownKey": authentication == "PrivateKeyJwt",
    }  # fmt: skip
    command = ["node", str(INTEROP / "openid_client.mjs"), json.dumps(asked)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, of = process.stdin, process.stdout

        def say(line: str | None) -> Any:
            if line is not None:
                to.write(f"{line}\n")
                to.flush()
            return json.loads(of.readline())

        yield say
        process.kill()


@pytest.mark.parametrize(
    ("authentication", "method"),
    [("ClientSecretPost", "client_secret_post"), ("ClientSecretBasic", "client_secret_basic"), ("None", "none")],
)
def test_openid_client_registers_itself_and_signs_a_person_in_and_out(
    service: Service, person: Person, authentication: str, method: str
):
    with _openid_client(service, authentication, token_endpoint_auth_method=method) as say:
        learned = say(person.open(say(None)["open"]))
    assert person.pages == ["/ui/login", "/ui/consent"]
    assert "error" not in learned, learned
    assert learned["client"]["token_endpoint_auth_method"] == method
    assert learned["person"]["preferred_username"] == "alice"
    assert learned["person"]["sub"] == learned["claims"]["sub"] == learned["refreshed"]["sub"]
    assert learned["late"] == "invalid_grant"
    assert person.open(learned["goodbye"]) == f"{GOODBYE}?state=bye"


def test_openid_client_with_a_key_of_its_own_signs_what_it_asks_and_gets_signed_answers(
    service: Service, person: Person
):
    strict = {
        "token_endpoint_auth_method": "private_key_jwt", "request_object_signing_alg": "ES256",
        "id_token_signed_response_alg": "PS256", "userinfo_signed_response_alg": "ES256", "subject_type": "pairwise",
    }  # fmt: skip
    with _openid_client(service, "PrivateKeyJwt", **strict) as say:
        learned = say(person.open(say(None)["open"]))
    assert "error" not in learned, learned
    assert strict.items() <= learned["client"].items()
    assert learned["person"]["sub"] == learned["claims"]["sub"] == learned["refreshed"]["sub"]
    # What it knows the person by is known to nobody else.
    with _openid_client(service, "None", token_endpoint_auth_method="none") as say:
        other = say(person.open(say(None)["open"]))
    assert other["claims"]["sub"] != learned["claims"]["sub"]
    assert person.open(learned["goodbye"]) == f"{GOODBYE}?state=bye"


@pytest.mark.parametrize("name", ["state", "nonce", "iss", "code"])
def test_openid_client_refuses_what_was_changed_on_the_way(service: Service, person: Person, name: str):
    with _openid_client(service, "ClientSecretBasic") as say:
        url = say(None)["open"]
        back = person.open(_changed(url, "nonce") if name == "nonce" else url)
        if name in ("state", "code"):
            back = _changed(back, name)
        if name == "iss":
            back = back.partition("iss=")[0] + "iss=https%3A%2F%2Fevil.example"
        learned = say(back)
    assert learned.get("error"), learned
    assert name in learned["cause"] or learned["error"] == "invalid_grant"
