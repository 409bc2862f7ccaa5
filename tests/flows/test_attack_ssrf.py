"""SSRF: whatever URL a registration names, through every way in that reads one, nobody inside is connected to."""

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from authsvc.crypto.jwk import SigningKey
from authsvc.outbound.fetcher import GuardedFetcher
from authsvc.protocol.subject_token import JWT
from authsvc.settings import Outbound
from tests.flows.assertions import CI_ISSUER, JWT_BEARER, a_key, fields, jwks, own_claims, signed
from tests.flows.exchanges import PARTNER, PARTNERS, TO_BILLING, Shop, open_shop
from tests.flows.hasty_cache import hasty_cache
from tests.flows.registering import METADATA, REDIRECT_URI, an_initial_token, let, manage, post, registered
from tests.flows.world import World, running_world
from tests.outbound.connections import recorded_connections
from tests.outbound.ssrf_corpus import NAMED, urls
from tests.outbound.strangers import Stranger, an_answer, stranger

REFUSALS = {
    (400, "invalid_request"), (400, "invalid_grant"), (401, "invalid_client"), (400, "invalid_client_metadata"),
}  # fmt: skip


def _client_url(shop: Shop, url: str) -> None:
    shop.change_client("signer", jwks=None, jwks_uri=url)


def _issuer_url(issuer: str, shop: Shop, url: str) -> None:
    with shop.world.change() as uow:
        stored = uow.issuers.get(issuer)
        assert stored is not None
        uow.issuers.save(replace(stored, jwks=None, jwks_uri=url))


def _ask(shop: Shop, path: str, client: str = "signer", **more: str) -> httpx.Response:
    world = shop.world
    return world.http.post(path, data=fields(client, None, world.tenant.issuer, world.clock()) | more)


def _at_token(shop: Shop) -> httpx.Response:
    return _ask(shop, "/token", grant_type="client_credentials", scope="es256:read")


def _federated(shop: Shop) -> httpx.Response:
    return _ask(shop, "/token", "workload", client_id="workload", grant_type="client_credentials", scope="es256:read")


def _bearer(shop: Shop) -> httpx.Response:
    return shop.bear(shop.partner(), scope="es256:read")


def _subject(shop: Shop) -> httpx.Response:
    return shop.exchange(shop.partner(aud="orders", scope="buy"), subject_token_type=JWT)


def _actor(shop: Shop) -> httpx.Response:
    return shop.exchange(
        _USER_TOKENS[shop.world.tenant.id], actor_token=shop.partner(aud="orders"), actor_token_type=JWT
    )


_WANTED: dict[str, str] = {}
"""The URL that a client is about to register."""


def _want(shop: Shop, url: str) -> None:
    _WANTED["url"] = url


def _sector(shop: Shop) -> httpx.Response:
    token = an_initial_token(shop.world)
    return post(shop.world, token, sector_identifier_uri=_WANTED["url"], subject_type="pairwise")


def _new_sector(shop: Shop) -> httpx.Response:
    changed = METADATA | {"sector_identifier_uri": _WANTED["url"]}
    return manage(shop.world, "PUT", registered(shop.world), json=changed)


def _registered_keys(shop: Shop) -> httpx.Response:
    """Register a client whose keys are there, and let it authenticate."""
    world, method = shop.world, "private_key_jwt"
    answer = post(world, an_initial_token(world), jwks_uri=_WANTED["url"], token_endpoint_auth_method=method)
    if answer.status_code != 201:
        return answer
    claims = own_claims(answer.json()["client_id"], world.tenant.issuer, world.clock())
    assertion = signed(claims, a_key("ES256", "signer"), typ="client-authentication+jwt")
    posted = {"client_assertion": assertion, "client_assertion_type": JWT_BEARER, "token": "x"}
    return world.http.post("/revoke", data=posted)


# A sign-in for each request would take most of the time.
_USER_TOKENS: dict[UUID, str] = {}


@dataclass(frozen=True, slots=True)
class Way:
    """A registration that names a URL, and a request that has it read. `key` signs what the request holds."""

    name: str
    register: Callable[[Shop, str], None]
    request: Callable[[Shop], httpx.Response]
    key: SigningKey
    document: bytes | None = None

    @property
    def body(self) -> bytes:
        """What a friend serves."""
        return jwks(self.key).encode() if self.document is None else self.document


_SECTOR = json.dumps([REDIRECT_URI]).encode()
WAYS = (
    Way("client at token", _client_url, _at_token, a_key("ES256", "signer")),
    Way("client at introspect", _client_url, lambda shop: _ask(shop, "/introspect", token="x"),
        a_key("ES256", "signer")),
    Way("client at revoke", _client_url, lambda shop: _ask(shop, "/revoke", token="x"), a_key("ES256", "signer")),
    Way("issuer of workloads", functools.partial(_issuer_url, CI_ISSUER), _federated, a_key("RS256", "ci")),
    Way("issuer of users", functools.partial(_issuer_url, PARTNER), _bearer, a_key("ES256", "partner")),
    Way("issuer of subjects", functools.partial(_issuer_url, PARTNER), _subject, a_key("ES256", "partner")),
    Way("issuer of actors", functools.partial(_issuer_url, PARTNER), _actor, a_key("ES256", "partner")),
    Way("sector of a new client", _want, _sector, a_key("ES256", "signer"), _SECTOR),
    Way("new sector of a client", _want, _new_sector, a_key("ES256", "signer"), _SECTOR),
    Way("keys of a new client", _want, _registered_keys, a_key("ES256", "signer")),
)  # fmt: skip
"""A new field that names a URL gets a row here."""


def _resolve(host: str, port: int) -> Sequence[str]:
    if host not in NAMED:
        raise OSError("no such name")
    return [NAMED[host]]


@dataclass(frozen=True, slots=True)
class Inside:
    """Who must not be reached, and who may."""

    listeners: tuple[Stranger, ...]
    friend: Stranger
    shop: Shop

    def urls(self) -> Iterator[str]:
        port = self.listeners[0].port
        yield from urls(port)
        yield from (f"https://{name}:{port}/" for name in NAMED)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Way) -> Iterator[Inside]:
    # A clock that leaps, so that no circuit breaker hides one URL behind another's failures.
    leaping = itertools.count(0, 100_000)
    fetcher = functools.partial(GuardedFetcher, resolve=_resolve, monotonic=lambda: float(next(leaping)))
    monkeypatch.setattr("authsvc.app.GuardedFetcher", fetcher)
    monkeypatch.setattr("authsvc.app.Cache", hasty_cache)
    with ExitStack() as open_:
        four = open_.enter_context(stranger(an_answer(), host="0.0.0.0"))
        six = open_.enter_context(stranger(an_answer(), host="::1", port=four.port))
        known = open_.enter_context(stranger(an_answer(way.body)))
        allowed = Outbound(allowed_hosts=(f"127.0.0.1:{known.port}",))
        with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, outbound=allowed) as world:
            yield Inside((four, six), known, _opened(world))


def _opened(world: World) -> Shop:
    shop = open_shop(world)
    shop.policies(TO_BILLING, PARTNERS)
    let(world)
    _USER_TOKENS[world.tenant.id] = shop.token()
    return shop


def _try_all(inside: Inside, way: Way, corpus: Sequence[str]) -> None:
    way.register(inside.shop, "https://unknown.example/")
    way.request(inside.shop)
    with recorded_connections() as connections:
        for url in corpus:
            way.register(inside.shop, url)
            answer = way.request(inside.shop)
            assert (answer.status_code, answer.json()["error"]) in REFUSALS, (url, answer.text)
        assert connections == []
    assert [listener.connections for listener in inside.listeners] == [0, 0]


by_way = pytest.mark.parametrize("way", [pytest.param(way, id=way.name) for way in WAYS])


@by_way
def test_every_way_in_does_read_the_url_of_a_host_that_is_allowed(inside: Inside, way: Way):
    way.register(inside.shop, f"http://127.0.0.1:{inside.friend.port}/jwks")
    answer = way.request(inside.shop)
    assert inside.friend.connections == 1
    assert answer.is_success, answer.text


@by_way
def test_a_sample_of_the_corpus_reaches_nobody(inside: Inside, way: Way):
    _try_all(inside, way, list(inside.urls())[7::13])


@pytest.mark.slow
@by_way
def test_the_whole_corpus_reaches_nobody(inside: Inside, way: Way):
    corpus = list(inside.urls())
    assert len(corpus) >= 300
    _try_all(inside, way, corpus)
