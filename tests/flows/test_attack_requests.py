"""Requests that a stranger made to cost, or to mean, more than they say."""

import asyncio
import json
import unicodedata
from uuid import uuid4

import pytest
from passlib.hash import sha256_crypt, sha512_crypt
from starlette.types import Message

from authsvc.crypto.passwords import verify_password
from authsvc.domain.people.lockout import LockoutPolicy, Schedule, reservations
from tests.flows.in_process import PASSWORD, AppClient

_LONGEST_NORMALIZED = 5_000
"""Normalizing takes time with the square of the length: of what is sent, no more than this is looked at."""
_COMBINED = "a" + "\u0301\u0323" * 12_000
_JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"username": _COMBINED, "password": PASSWORD}, id="username"),
        pytest.param({"username": "x", "password": PASSWORD, "email": f"{_COMBINED}@example.test"}, id="email"),
        pytest.param({"username": "x", "password": _COMBINED}, id="password"),
    ],
)
def test_a_text_whose_normal_form_takes_long_is_refused_before_it_is_made(
    shared_app: AppClient, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths, normalize = [0], unicodedata.normalize

    def counted(form: str, text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)  # type: ignore[arg-type]

    monkeypatch.setattr(unicodedata, "normalize", counted)
    body = json.dumps(fields, ensure_ascii=False).encode()
    assert shared_app.http.post("/register", content=body, headers=_JSON).status_code == 422
    assert max(lengths) < _LONGEST_NORMALIZED


@pytest.mark.parametrize("path", ["/register", "/login"])
def test_an_object_of_thousands_of_members_is_refused_in_few_words(shared_app: AppClient, path: str) -> None:
    body = json.dumps({f"f{number}": "x" for number in range(3_000)}).encode()
    answer = shared_app.http.post(path, content=body, headers=_JSON)
    assert answer.status_code == 400
    assert len(answer.content) < 500


@pytest.mark.parametrize("path", ["/jwks", "/me", "/admin/users/import"])
@pytest.mark.parametrize(
    "hosts",
    [(b"login.example.test", b"b.example.test"), (), (b"a b",), (b"a/b",), (b"u@a",), (b"a:b",), (b"[a",), (b"\xc3",)],
    ids=repr,
)
def test_a_request_without_one_host_is_refused(shared_app: AppClient, path: str, hosts: tuple[bytes, ...]) -> None:
    method = "POST" if path.startswith("/admin") else "GET"
    assert asyncio.run(_status(shared_app, method, path, [(b"host", host) for host in hosts])) == 400


@pytest.mark.parametrize("host", [b"login.example.test", b"127.0.0.1:8000", b"[::1]:8000", b"EXAMPLE.test:", b""])
def test_a_request_with_a_host_is_served(shared_app: AppClient, host: bytes) -> None:
    assert asyncio.run(_status(shared_app, "GET", "/jwks", [(b"host", host)])) == 200


def test_a_request_of_http_1_0_needs_no_host(shared_app: AppClient) -> None:
    assert asyncio.run(_status(shared_app, "GET", "/jwks", [], http_version="1.0")) == 200


@pytest.mark.parametrize("scheme", [sha512_crypt, sha256_crypt])
def test_an_imported_sha_crypt_hash_costs_the_same_for_every_length_of_password(
    scheme: type[sha512_crypt], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths, verify = [], scheme.verify

    def counted(secret: bytes, hashed: str) -> bool:
        lengths.append(len(secret))
        return bool(verify(secret, hashed))

    monkeypatch.setattr(scheme, "verify", counted)
    long, short = (scheme.using(rounds=1_000).hash("a" * length) for length in (1_024, 128))
    assert not verify_password("a" * 1_024, long)
    assert not verify_password("a" * 129, short)
    assert verify_password("a" * 128, short)
    assert lengths == [128, 128, 128]


def test_a_name_that_looks_like_an_id_counts_apart_from_the_person_of_that_id() -> None:
    schedule = Schedule(free=5, first_delay_seconds=1, longest_delay_seconds=1, window_seconds=60)
    policy, user_id = LockoutPolicy(schedule, schedule), uuid4()
    named = {each.key for each in reservations(str(user_id), "192.0.2.1", policy)}
    known = {each.key for each in reservations(user_id, "192.0.2.1", policy)}
    assert len(named) == len(known) == 2
    assert named.isdisjoint(known)


async def _status(
    client: AppClient, method: str, path: str, headers: list[tuple[bytes, bytes]], http_version: str = "1.1"
) -> int:
    """The status of a request whose headers no HTTP client would send."""
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "client": ("192.0.2.9", 1), "scheme": "https", "http_version": http_version,
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await client.app(scope, receive, send)
    return int(sent[0]["status"])
