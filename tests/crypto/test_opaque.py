import itertools
import string
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.crypto import base64url, opaque
from authsvc.crypto.errors import OpaqueInvalid

KEY = b"k" * 32
FAMILY = uuid.UUID("6a204bd8-9f31-4c8e-a5f7-04c1f6b7c001")
TOKEN = opaque.RefreshToken(FAMILY, 7, bytes(range(32)))
ENCODED = opaque.encode_refresh_token(TOKEN, KEY)
KINDS = [opaque.CLIENT_SECRET, opaque.MAILED_TOKEN, opaque.REFRESH_TOKEN]
SECRET = opaque.new_secret(opaque.CLIENT_SECRET)


def misspellings(text: str) -> list[str]:
    """Every prefix and suffix, every character changed, dropped or doubled, and every dressing around the text."""
    length = range(len(text))
    changed = [
        text[:i] + other + text[i + 1 :]
        for i in length
        for other in f"{string.ascii_letters}{string.digits}-_+/=. \x00é"
        if other != text[i]
    ]
    dressed = [text + "=", text + "==", text + "\n", text + " ", " " + text, text + "\x00", text + "A", text + text]
    cased = [
        text.upper(),
        text.lower(),
        text.swapcase(),
        *(text[:i] + text[i].swapcase() + text[i + 1 :] for i in length),
    ]
    cut = [text[:i] for i in length] + [text[i:] for i in length if i]
    doubled = [text[:i] + text[i] + text[i:] for i in length] + [text[:i] + text[i + 1 :] for i in length]
    return [other for other in itertools.chain(changed, dressed, cased, cut, doubled) if other != text]


def decodes(value: str, key: bytes = KEY) -> bool:
    try:
        opaque.decode_refresh_token(value, key)
    except OpaqueInvalid:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_secret_names_its_kind_and_is_well_formed(kind):
    value = opaque.new_secret(kind)
    assert value.startswith(kind)
    assert len(base64url.decode(value.removeprefix(kind))) == 36
    assert opaque.is_well_formed(kind, value)


def test_secrets_differ():
    assert len({opaque.new_secret(opaque.CLIENT_SECRET) for _ in range(100)}) == 100


@pytest.mark.parametrize("kind", ["", "as_", "as_cs", "cs_", "as_CS_", "as_cs_x", "as_c1_", "\x00as_cs_"])
def test_a_kind_has_one_form(kind):
    with pytest.raises(ValueError, match="kind"):
        opaque.new_secret(kind)


@pytest.mark.parametrize(("made", "asked"), list(itertools.permutations(KINDS, 2)))
def test_a_secret_of_one_kind_is_not_one_of_another(made, asked):
    value = opaque.new_secret(made)
    assert not opaque.is_well_formed(asked, value)
    assert not opaque.is_well_formed(asked, asked + value.removeprefix(made))


def test_no_other_spelling_of_a_secret_is_well_formed():
    assert [other for other in misspellings(SECRET) if opaque.is_well_formed(opaque.CLIENT_SECRET, other)] == []


def test_no_other_spelling_of_a_secret_matches_its_hash():
    stored = opaque.hash_secret(SECRET)
    assert opaque.matches(SECRET, stored)
    assert [other for other in misspellings(SECRET) if opaque.matches(other, stored)] == []


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_may_be_presented_as_a_secret(value):
    assert not opaque.matches(value, opaque.hash_secret(SECRET))
    assert not opaque.matches(SECRET, value)
    assert not opaque.is_well_formed(opaque.CLIENT_SECRET, value)


def test_a_refresh_token_survives_its_spelling():
    assert opaque.decode_refresh_token(ENCODED, KEY) == TOKEN
    assert ENCODED.startswith(opaque.REFRESH_TOKEN)
    assert len(ENCODED) == len(opaque.REFRESH_TOKEN) + 96


def test_a_new_refresh_token_begins_its_family():
    token = opaque.new_refresh_token(FAMILY)
    assert (token.family_id, token.generation, len(token.secret)) == (FAMILY, 0, 32)
    assert token.secret != opaque.new_refresh_token(FAMILY).secret


def test_no_other_spelling_of_a_refresh_token_is_read():
    assert [other for other in misspellings(ENCODED) if decodes(other)] == []


def test_a_refresh_token_under_another_key_is_refused():
    assert not decodes(ENCODED, b"K" * 32)


@given(st.text(st.characters(exclude_categories=[])) | st.binary(min_size=72, max_size=72))
def test_a_made_up_refresh_token_is_refused(made_up):
    body = made_up if isinstance(made_up, str) else base64url.encode(made_up)
    assert not decodes(opaque.REFRESH_TOKEN + body)
    assert not decodes(body)


def test_no_field_of_a_refresh_token_can_be_changed_without_the_key():
    octets = base64url.decode(ENCODED.removeprefix(opaque.REFRESH_TOKEN))
    flipped = (octets[:i] + bytes([octets[i] ^ 1]) + octets[i + 1 :] for i in range(len(octets)))
    assert [i for i, forged in enumerate(flipped) if decodes(opaque.REFRESH_TOKEN + base64url.encode(forged))] == []


def test_the_successor_is_the_same_wherever_it_is_computed():
    following = opaque.successor(TOKEN, KEY)
    assert following == opaque.successor(opaque.decode_refresh_token(ENCODED, KEY), bytes(KEY))
    assert (following.family_id, following.generation) == (FAMILY, 8)


@pytest.mark.parametrize(
    ("token", "key"),
    [
        pytest.param(replace(TOKEN, secret=b"\x00" * 32), KEY, id="secret"),
        pytest.param(replace(TOKEN, family_id=uuid.UUID(int=1)), KEY, id="family"),
        pytest.param(replace(TOKEN, generation=8), KEY, id="generation"),
        pytest.param(TOKEN, b"K" * 32, id="key"),
    ],
)
def test_the_successor_depends_on_each_of_its_sources(token, key):
    assert opaque.successor(token, key).secret != opaque.successor(TOKEN, KEY).secret


def test_what_is_stored_depends_on_the_secret_and_is_not_it():
    stored = opaque.refresh_token_hash(TOKEN)
    assert stored != opaque.refresh_token_hash(replace(TOKEN, secret=b"\x00" * 32))
    assert len(stored) == 64
    assert TOKEN.secret.hex() not in stored


def test_the_stored_hash_is_not_the_successor_s_secret():
    assert opaque.successor(TOKEN, KEY).secret.hex() != opaque.refresh_token_hash(TOKEN)


def test_a_refresh_token_does_not_print_its_secret():
    assert repr(TOKEN) == f"RefreshToken(family_id={FAMILY!r}, generation=7)"


def test_the_last_generation_has_no_successor():
    last = replace(TOKEN, generation=2**32 - 1)
    assert opaque.decode_refresh_token(opaque.encode_refresh_token(last, KEY), KEY) == last
    with pytest.raises(OpaqueInvalid):
        opaque.successor(last, KEY)


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 33])
def test_a_key_of_another_length_is_refused(key):
    for use in (
        lambda: opaque.encode_refresh_token(TOKEN, key),
        lambda: opaque.decode_refresh_token(ENCODED, key),
        lambda: opaque.successor(TOKEN, key),
    ):
        with pytest.raises(ValueError, match="32 bytes"):
            use()
