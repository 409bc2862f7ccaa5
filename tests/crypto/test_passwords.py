import base64
import hashlib
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib import hash as schemes

from authsvc.crypto import passwords
from authsvc.crypto.errors import UnsupportedHash

PASSWORD = "correct horse bättery"
OURS = passwords.hash_password(PASSWORD)


def django_pbkdf2(password: str, iterations: int = 1000) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"saltsalt", iterations)
    return f"pbkdf2_sha256${iterations}$saltsalt${base64.b64encode(digest).decode()}"


CHEAP_ARGON2 = schemes.argon2.using(type="ID", memory_cost=64, rounds=1, parallelism=1).hash
CHEAP_BCRYPT = schemes.bcrypt.using(rounds=4)
FOREIGN = {
    "argon2": CHEAP_ARGON2(PASSWORD),
    "argon2_of_django": "argon2" + CHEAP_ARGON2(PASSWORD),
    "argon2i": schemes.argon2.using(type="I", memory_cost=64, rounds=1, parallelism=1).hash(PASSWORD),
    "bcrypt_2a": schemes.bcrypt.using(rounds=4, ident="2a").hash(PASSWORD),
    "bcrypt_2b": CHEAP_BCRYPT.hash(PASSWORD),
    "bcrypt_2y": schemes.bcrypt.using(rounds=4, ident="2y").hash(PASSWORD),
    "bcrypt_of_django": "bcrypt$" + CHEAP_BCRYPT.hash(PASSWORD),
    "bcrypt_sha256_of_django": schemes.django_bcrypt_sha256.using(rounds=4).hash(PASSWORD),
    "pbkdf2_sha256": schemes.pbkdf2_sha256.using(rounds=1000).hash(PASSWORD),
    "pbkdf2_sha512": schemes.pbkdf2_sha512.using(rounds=1000).hash(PASSWORD),
    "pbkdf2_of_django": django_pbkdf2(PASSWORD),
    "scrypt": schemes.scrypt.using(rounds=4).hash(PASSWORD),
    "sha512_crypt": schemes.sha512_crypt.using(rounds=1000).hash(PASSWORD),
    "sha256_crypt": schemes.sha256_crypt.using(rounds=1000).hash(PASSWORD),
}
EACH_FOREIGN = pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)


def test_our_hash_is_argon2id_with_the_documented_cost():
    assert OURS.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.hash_password(PASSWORD) != OURS
    assert not passwords.needs_rehash(OURS)


def test_only_the_right_password_is_accepted():
    assert passwords.verify_password(PASSWORD, OURS)
    for wrong in ("", PASSWORD + " ", PASSWORD[:-1], PASSWORD.upper(), PASSWORD + "\x00"):
        assert not passwords.verify_password(wrong, OURS)


@pytest.mark.parametrize("length", [72, 73, 128, 1024])
def test_long_passwords_that_differ_in_the_last_byte_are_different(length):
    stem = "p" * (length - 1)
    hashed = passwords.hash_password(stem + "a")
    assert passwords.verify_password(stem + "a", hashed)
    assert not passwords.verify_password(stem + "b", hashed)
    assert not passwords.verify_password(stem, hashed)


def test_a_password_is_not_cut_at_nul():
    hashed = passwords.hash_password("secret\x00a")
    assert passwords.verify_password("secret\x00a", hashed)
    assert not passwords.verify_password("secret\x00b", hashed)
    assert not passwords.verify_password("secret", hashed)


@pytest.mark.parametrize("password", ["p" * 1025, "é" * 513, "\ud800"], ids=["long", "long_in_bytes", "surrogate"])
def test_a_password_that_cannot_be_hashed_is_refused(password):
    with pytest.raises(ValueError, match=r"long|surrogates"):
        passwords.hash_password(password)
    assert not passwords.verify_password(password, OURS)


@EACH_FOREIGN
def test_an_imported_hash_works_and_is_to_be_replaced(foreign):
    assert passwords.check_importable(foreign)
    assert passwords.verify_password(PASSWORD, foreign)
    assert not passwords.verify_password(PASSWORD + "x", foreign)
    assert not passwords.verify_password("", foreign)
    assert passwords.needs_rehash(foreign)


@EACH_FOREIGN
@pytest.mark.parametrize(
    "odd", ["\x00", "a\x00b", "p" * 73, "p" * 1024, "p" * 5000, "\ud800", "é" * 72, "\U0001f600" * 19], ids=ascii
)
def test_an_odd_password_is_only_wrong(foreign, odd):
    assert passwords.verify_password(odd[:60], foreign) is False
    assert passwords.verify_password(odd, foreign) is False


@EACH_FOREIGN
def test_a_corrupt_hash_matches_nothing(foreign):
    for corrupt in (
        foreign[:-1],
        foreign + "A",
        foreign[1:],
        foreign.replace("$", "", 1),
        foreign[:20],
        "\x00" + foreign,
    ):
        assert passwords.verify_password(PASSWORD, corrupt) is False


@pytest.mark.parametrize("ident", ["2a", "2b", "2y"])
def test_an_imported_bcrypt_hash_accepts_what_its_origin_accepted(ident):
    imported = schemes.bcrypt.using(rounds=4, ident=ident).hash("p" * 72)
    assert passwords.verify_password("p" * 72, imported)
    assert passwords.verify_password("p" * 72 + "any ending", imported)
    assert not passwords.verify_password("p" * 71, imported)


def test_the_rehash_after_a_login_ends_the_truncation_of_bcrypt():
    whole = "p" * 72 + "ending"
    imported = CHEAP_BCRYPT.hash("p" * 72)
    assert passwords.verify_password(whole, imported)
    assert passwords.needs_rehash(imported)
    replaced = passwords.hash_password(whole)
    assert not passwords.verify_password("p" * 72 + "ENDING", replaced)


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(OURS.replace("t=2", "t=1"), id="fewer_passes"),
        pytest.param(OURS.replace("m=19456", "m=65536"), id="more_memory"),
        pytest.param(OURS.replace("argon2id", "argon2i"), id="another_variant"),
        pytest.param("", id="empty"),
    ],
)
def test_a_hash_of_another_cost_is_to_be_replaced(stored):
    assert passwords.needs_rehash(stored)


@pytest.mark.parametrize(
    "costly",
    [
        "$2b$31$" + "A" * 53,
        "$argon2id$v=19$m=4194304,t=2,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$pbkdf2-sha256$4000000000$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=30,r=8,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$6$rounds=999999999$salt$" + "A" * 86,
    ],
    ids=["bcrypt", "argon2", "pbkdf2", "scrypt", "sha512_crypt"],
)
@pytest.mark.timeout(60)
def test_a_costly_hash_is_neither_imported_nor_computed(costly):
    with pytest.raises(UnsupportedHash):
        passwords.check_importable(costly)
    assert passwords.verify_password(PASSWORD, costly) is False


@pytest.mark.parametrize("unknown", ["", "clear", "{SSHA}AAAA", "$1$salt$" + "A" * 22, "$2x$05$" + "A" * 53])
def test_an_unknown_scheme_is_neither_imported_nor_verified(unknown):
    with pytest.raises(UnsupportedHash):
        passwords.check_importable(unknown)
    assert passwords.verify_password(PASSWORD, unknown) is False


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=[])), st.text() | st.sampled_from(list(FOREIGN.values())))
def test_no_password_and_no_hash_raises(password, stored):
    assert passwords.verify_password(password, stored) is (password == PASSWORD and stored in FOREIGN.values())


@pytest.mark.parametrize("password", ["", PASSWORD, "\x00", "\ud800", "p" * 5000], ids=ascii)
def test_the_dummy_hashes_any_password_and_tells_nothing(password, monkeypatch: pytest.MonkeyPatch):
    spent = Mock(wraps=passwords._argon2id)
    monkeypatch.setattr(passwords, "_argon2id", spent)
    passwords.verify_dummy(password)
    octets = password.encode("utf-8", "surrogatepass")[: passwords.MAX_PASSWORD_BYTES]
    spent.verify.assert_called_once_with(octets, passwords._DUMMY_HASH)


def test_the_dummy_costs_what_our_own_hashes_cost():
    assert not passwords.needs_rehash(passwords._DUMMY_HASH)
    assert not passwords.verify_password("", passwords._DUMMY_HASH)
