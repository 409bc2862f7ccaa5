"""The one judge of access tokens, shown what no endpoint lets through to it and what only the database can say."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from authsvc.crypto import opaque
from authsvc.domain.people.users import User
from authsvc.protocol.errors import InvalidToken
from tests.crypto import forgeries
from tests.crypto.issuer import AUDIENCE, ISSUER, KEYS, NOW, good
from tests.protocol.tokens.conftest import AT, Court


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_good_token_of_each_algorithm_lives(shared_court: Court, algorithm: str) -> None:
    token = shared_court.judge(good(algorithm, scope="orders:read openid"))
    assert (token.subject, token.client_id, token.token_id) == ("user-1", "orders", "t-1")
    assert token.scopes == {"orders:read", "openid"}
    assert token.audiences == {AUDIENCE}
    assert (token.is_opaque, token.sign_in) == (False, None)
    assert token.expires_at == AT + timedelta(seconds=300)


def test_no_forgery_lives(shared_court: Court) -> None:
    """Thousands, many truly signed by our own keys: each breaks one rule."""
    presented, living = set(), []
    for family in forgeries.FAMILIES:
        for what, forged in family():
            presented.add(forged)
            try:
                shared_court.judge(forged)
            except InvalidToken:
                continue
            living.append(what)
    assert living == []
    assert len(presented) > 4_000


def test_a_bad_token_is_told_in_the_same_words_whatever_is_bad(shared_court: Court) -> None:
    """The rule is for the log."""
    words = set()
    for bad in (
        "x",
        good("ES256", exp=NOW - 1),
        good("ES256", iss="https://evil.example"),
        "as_at_x",
        shared_court.keep(exp=1),
    ):
        with pytest.raises(InvalidToken) as refusal:
            shared_court.judge(bad)
        words.add(refusal.value.description)
    assert len(words) == 1


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 1},
    "expired now": {"exp": NOW},
    "no end": {"exp": ...},
    "an end in words": {"exp": "tomorrow"},
    "not yet": {"nbf": NOW + 61},
    "of the future": {"iat": NOW + 61},
    "another issuer": {"iss": "https://issuer.example/t/other"},
    "another audience": {"aud": "https://api.example/bills"},
    "no audience": {"aud": []},
    "no id": {"jti": ...},
    "no client": {"client_id": ...},
    "an unknown client": {"client_id": "nobody"},
    "a client that is a list": {"client_id": ["orders"]},
    "no subject": {"sub": ...},
    "a session of a service": {"sid": "00000000-0000-4000-8000-000000000000"},
    "a session that is none": {"sid": "x", "auth_time": NOW, "amr": []},
    "scopes in a list": {"scope": ["orders:read"]},
}


@pytest.mark.parametrize("changed", [pytest.param(changed, id=name) for name, changed in BAD_CLAIMS.items()])
def test_the_stored_claims_are_judged_as_those_of_a_jwt_are(shared_court: Court, changed: dict[str, Any]) -> None:
    assert shared_court.judge(shared_court.keep()).is_opaque
    for presented in (shared_court.keep(**changed), good("ES256", **changed)):
        with pytest.raises(InvalidToken):
            shared_court.judge(presented)


def test_a_clock_that_is_a_little_ahead_gives_no_token_more_life(shared_court: Court) -> None:
    """Skew is forgiven at the beginning of a token, never at its end."""
    assert shared_court.judge(good("ES256", iat=NOW + 30)).subject == "user-1"
    with pytest.raises(InvalidToken):
        shared_court.judge(good("ES256", exp=NOW - 1))


def test_a_typing_error_costs_no_look_up(court: Court) -> None:
    presented = court.keep()
    path = court.world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE access_tokens RENAME TO away")
    with pytest.raises(InvalidToken):
        court.judge(presented[:-1] + ("A" if presented[-1] != "A" else "B"))


def test_only_the_hash_of_an_opaque_token_is_stored(court: Court) -> None:
    from tests.flows.asking import make_opaque  # noqa: PLC0415

    make_opaque(court.world)
    presented = court.world.token("svc2").json()["access_token"]
    path = court.world.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        ((token_hash, claims),) = database.execute("SELECT token_hash, claims FROM access_tokens").fetchall()
    assert token_hash == opaque.hash_secret(presented)
    assert presented not in str(claims)


def test_an_opaque_token_of_one_tenant_is_unknown_to_the_other(court: Court) -> None:
    presented = court.keep(iss=ISSUER)
    uow = court.world.storage.unit_of_work(court.world.tenant.id)
    try:
        assert uow.access_tokens.find(opaque.hash_secret(presented)) is None
    finally:
        uow.close()


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_a_token_of_a_person_without_a_session_dies_with_their_account(court: Court, person: User, end: str) -> None:
    """Theirs by an API key or by the word of a foreign issuer."""
    presented = [court.keep(sub=str(person.id)), good("ES256", sub=str(person.id))]
    assert [court.judge(token).subject for token in presented] == [str(person.id)] * 2
    court.change(lambda uow: uow.users.delete(person.id) if end == "delete" else uow.users.disable(person.id, AT))
    for token in presented:
        with pytest.raises(InvalidToken):
            court.judge(token)


def test_only_the_audiences_that_are_enabled_count(court: Court) -> None:
    found = court.judge(good("ES256", aud=[AUDIENCE, "https://api.example/gone", ISSUER]))
    assert found.audiences == {AUDIENCE, ISSUER}
    court.change(lambda uow: uow.resources.disable(AUDIENCE, AT))
    assert court.judge(good("ES256", aud=[AUDIENCE, ISSUER])).audiences == {ISSUER}
    with pytest.raises(InvalidToken):
        court.judge(good("ES256", aud=[AUDIENCE]))
