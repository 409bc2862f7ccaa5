"""What a key may be asked for, and how far it reaches."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest

from authsvc.crypto import opaque
from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.parties.resources import Resource
from authsvc.domain.tokens.api_keys import (
    DEFAULT_SECONDS,
    MAX_LIVE_KEYS,
    MAX_SECONDS,
    MIN_SECONDS,
    KeyOwner,
    TooManyApiKeys,
    WantedKey,
    new_api_key,
)

NOW = datetime(2026, 11, 20, 12, 30, 15, 250_000, tzinfo=UTC)
ORDERS, BILLS, GONE, FOREIGN = (f"https://{name}.example" for name in ("orders", "bills", "gone", "foreign"))


def a_resource(audience, *scopes, disabled_at=None):
    return Resource(audience, audience, frozenset(scopes), "ES256", None, NOW, disabled_at)


REGISTERED = (
    a_resource(ORDERS, "orders:read", "orders:write", "both:read"),
    a_resource(BILLS, "bills:read", "both:read"),
    a_resource(GONE, "gone:read", disabled_at=NOW),
    a_resource(FOREIGN, "foreign:read"),
)
OWNER = KeyOwner(
    uuid4(),
    None,
    frozenset({"openid", "account", "orders:read", "bills:read", "both:read", "gone:read", "foreign:read", "nobody's"}),
    frozenset({ORDERS, BILLS, GONE}),
)
WANTED = WantedKey("nightly", frozenset({"orders:read"}))


def made(wanted=WANTED, owner=OWNER, live=0, now=NOW):
    return new_api_key(wanted, owner, REGISTERED, live, now)


def test_a_new_key_keeps_only_the_hash_and_the_beginning_of_its_secret():
    key, secret = made()
    assert opaque.is_well_formed(opaque.API_KEY, secret)
    assert key.secret_hash == opaque.hash_secret(secret)
    assert key.hint == secret[:12]
    assert secret not in repr(key)
    assert key.secret_hash not in repr(key)


def test_keys_and_their_ids_differ():
    several = [made() for _ in range(50)]
    assert len({key.id for key, _ in several}) == len({secret for _, secret in several}) == 50


def test_a_key_is_for_the_resources_that_own_its_scopes():
    key, _ = made(replace(WANTED, scopes=frozenset({"orders:read", "bills:read"})))
    assert (key.scopes, key.resources) == ({"orders:read", "bills:read"}, {ORDERS, BILLS})


def test_or_for_the_ones_that_are_named():
    key, _ = made(replace(WANTED, scopes=frozenset({"both:read"}), resources=frozenset({BILLS})))
    assert key.resources == {BILLS}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        pytest.param({"name": ""}, "name", id="no-name"),
        pytest.param({"name": " \t "}, "name", id="blank-name"),
        pytest.param({"name": "x" * 101}, "name", id="long-name"),
        pytest.param({"name": "x\x00"}, "name", id="name-with-nul"),
        pytest.param({"name": "x\u202ey"}, "name", id="name-that-turns-text-around"),
        pytest.param({"scopes": frozenset()}, "scopes", id="no-scope"),
        pytest.param({"scopes": frozenset({"orders:read", "account"})}, "scopes", id="account"),
        pytest.param({"scopes": frozenset({"openid"})}, "scopes", id="openid"),
        pytest.param({"scopes": frozenset({"orders:read", "offline_access"})}, "scopes", id="offline-access"),
        pytest.param({"scopes": frozenset({"orders:write"})}, "scopes", id="beyond-the-owner"),
        pytest.param({"scopes": frozenset({"nobody's"})}, "scopes", id="of-no-resource"),
        pytest.param({"scopes": frozenset({"gone:read"})}, "scopes", id="of-a-disabled-resource"),
        pytest.param({"scopes": frozenset({"foreign:read"})}, "scopes", id="of-a-resource-that-is-not-the-owners"),
        pytest.param({"scopes": frozenset({"both:read"})}, "resources", id="of-two-resources"),
        pytest.param({"resources": frozenset({BILLS})}, "scopes", id="of-another-resource-than-named"),
        pytest.param({"resources": frozenset()}, "resources", id="no-resource"),
        pytest.param({"resources": frozenset({ORDERS, "https://x.example"})}, "resources", id="unknown-resource"),
        pytest.param({"resources": frozenset({ORDERS, GONE})}, "resources", id="disabled-resource"),
        pytest.param({"resources": frozenset({ORDERS, FOREIGN})}, "resources", id="resource-beyond-the-owner"),
        pytest.param({"lifetime_seconds": 0}, "expires_in", id="no-time"),
        pytest.param({"lifetime_seconds": -MAX_SECONDS}, "expires_in", id="before"),
        pytest.param({"lifetime_seconds": MIN_SECONDS - 1}, "expires_in", id="too-short"),
        pytest.param({"lifetime_seconds": MAX_SECONDS + 1}, "expires_in", id="too-long"),
        pytest.param({"lifetime_seconds": 10**30}, "expires_in", id="for-ever"),
        pytest.param({"expires_at": NOW}, "expires_at", id="now"),
        pytest.param({"expires_at": NOW + timedelta(seconds=MAX_SECONDS + 1)}, "expires_at", id="late"),
        pytest.param({"expires_at": datetime.max.replace(tzinfo=UTC)}, "expires_at", id="never"),
        pytest.param(
            {"expires_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=23)))}, "expires_at", id="before-time"
        ),
        pytest.param({"lifetime_seconds": 600, "expires_at": NOW + timedelta(days=1)}, "expires_at", id="two-ends"),
        pytest.param({"lifetime_seconds": 600, "never_expires": True}, "expires_at", id="an-end-and-none"),
    ],
)
def test_a_key_that_must_not_be_is_refused_by_field(changed, field):
    with pytest.raises(FieldsInvalid) as refused:
        made(replace(WANTED, **changed))
    assert [problem.field for problem in refused.value.problems] == [field]


def test_every_bad_field_is_named_at_once():
    with pytest.raises(FieldsInvalid) as refused:
        made(WantedKey("", frozenset(), frozenset({"x"}), 1))
    assert {found.field for found in refused.value.problems} == {"name", "scopes", "resources", "expires_in"}


@pytest.mark.parametrize(
    ("changed", "end"),
    [
        pytest.param({}, timedelta(seconds=DEFAULT_SECONDS), id="unsaid"),
        pytest.param({"lifetime_seconds": MIN_SECONDS}, timedelta(seconds=MIN_SECONDS), id="shortest"),
        pytest.param({"lifetime_seconds": MAX_SECONDS}, timedelta(seconds=MAX_SECONDS), id="longest"),
        pytest.param({"expires_at": NOW + timedelta(days=2)}, timedelta(days=2), id="instant"),
        pytest.param(
            {"expires_at": (NOW + timedelta(days=2)).astimezone(timezone(timedelta(hours=-9)))},
            timedelta(days=2),
            id="instant-elsewhere",
        ),
    ],
)
def test_a_key_lives_until_its_end_to_the_second(changed, end):
    key, _ = made(replace(WANTED, **changed))
    assert key.expires_at == (NOW + end).replace(microsecond=0)
    assert key.expires_at.tzinfo is UTC
    assert key.is_alive(key.expires_at - timedelta(microseconds=1))
    assert not key.is_alive(key.expires_at)


def test_a_key_without_an_end_lives_until_it_is_revoked():
    key, _ = made(replace(WANTED, never_expires=True))
    assert key.expires_at is None
    assert key.is_alive(NOW + timedelta(days=99_999))
    assert not replace(key, revoked_at=NOW).is_alive(NOW)


def test_no_owner_has_more_than_so_many_live_keys():
    made(live=MAX_LIVE_KEYS - 1)
    with pytest.raises(TooManyApiKeys):
        made(live=MAX_LIVE_KEYS)


def test_a_key_is_its_owners_alone():
    key, _ = made()
    assert OWNER.owns(key)
    assert not replace(OWNER, user_id=uuid4()).owns(key)
    assert not KeyOwner(None, str(OWNER.user_id), OWNER.scopes, OWNER.resources).owns(key)
    service = KeyOwner(None, "shop", OWNER.scopes, OWNER.resources)
    served, _ = made(owner=service)
    assert service.owns(served)
    assert not OWNER.owns(served)
