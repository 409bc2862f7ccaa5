import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.crypto.errors import CryptoError, DecryptionFailed

PLACE = Place("tenant-1", "signing_keys", "row-1", "private")
KEYS = envelope.parse_master_keys(envelope.new_master_key_line())
SEALED = envelope.encrypt(b"secret", PLACE, KEYS)
B64 = base64.b64encode(b"k" * 32).decode()


@given(st.binary(), st.builds(Place, st.text(), st.text(), st.text(), st.text()))
def test_a_secret_opens_where_it_was_put(plaintext, place):
    assert envelope.decrypt(envelope.encrypt(plaintext, place, KEYS), place, KEYS) == plaintext


@pytest.mark.parametrize("column", ["tenant", "table", "row", "column"])
def test_a_secret_that_was_moved_does_not_open(column):
    with pytest.raises(DecryptionFailed):
        envelope.decrypt(SEALED, replace(PLACE, **{column: "elsewhere"}), KEYS)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(Place("tenant-1s", "igning_keys", "row-1", "private"), id="letter_over_a_border"),
        pytest.param(Place("tenant-1signing_keys", "", "row-1", "private"), id="two_in_one"),
        pytest.param(Place("signing_keys", "tenant-1", "row-1", "private"), id="exchanged"),
    ],
)
def test_places_that_read_alike_are_different_places(place):
    with pytest.raises(DecryptionFailed):
        envelope.decrypt(SEALED, place, KEYS)


def test_no_octet_of_a_ciphertext_can_be_changed_cut_or_added():
    bent = [SEALED[:i] + bytes([SEALED[i] ^ 1]) + SEALED[i + 1 :] for i in range(len(SEALED))]
    for ciphertext in [*bent, *(SEALED[:i] for i in range(len(SEALED))), SEALED + b"\x00"]:
        with pytest.raises(DecryptionFailed):
            envelope.decrypt(ciphertext, PLACE, KEYS)


@given(st.binary())
def test_anything_else_is_refused_as_a_ciphertext(octets):
    with pytest.raises(DecryptionFailed):
        envelope.decrypt(b"\x01" + octets, PLACE, KEYS)


def test_the_same_secret_is_never_written_the_same_way_twice():
    assert len({envelope.encrypt(b"x", PLACE, KEYS) for _ in range(50)}) == 50


def test_the_plaintext_is_not_in_the_ciphertext():
    assert b"secret" not in SEALED


def test_after_rotation_old_secrets_open_and_new_ones_use_the_new_key():
    line = envelope.new_master_key_line()
    rotated = envelope.parse_master_keys(
        f"{line}\n{KEYS.current} {base64.b64encode(KEYS.keys[KEYS.current]).decode()}\n"
    )
    assert envelope.decrypt(SEALED, PLACE, rotated) == b"secret"
    assert envelope.encrypted_under(SEALED) == KEYS.current
    assert envelope.encrypted_under(envelope.encrypt(b"x", PLACE, rotated)) == rotated.current == line.split()[0]


def test_a_missing_master_key_is_named():
    with pytest.raises(DecryptionFailed, match=KEYS.current):
        envelope.decrypt(SEALED, PLACE, envelope.parse_master_keys(envelope.new_master_key_line()))


def test_another_key_under_the_same_id_does_not_open():
    with pytest.raises(DecryptionFailed):
        envelope.decrypt(SEALED, PLACE, MasterKeys({KEYS.current: b"x" * 32}, KEYS.current))


def test_the_first_line_is_current_and_comments_are_skipped():
    keys = envelope.parse_master_keys(f"# new\n\n  b {B64}\r\na\t{base64.b64encode(b'a' * 32).decode()}\n")
    assert keys.current == "b"
    assert dict(keys.keys) == {"b": b"k" * 32, "a": b"a" * 32}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("# only a comment\n", "empty", id="comment"),
        pytest.param(B64, "line 1 .* key id", id="no_id"),
        pytest.param(f"a {B64}\nb {B64} c", "line 2 ", id="three_words"),
        pytest.param("a !!!!", "line 1 ", id="not_base64"),
        pytest.param(f"a {B64[:-1]}", "line 1 ", id="no_padding"),
        pytest.param("a AAAA", "line 1.*32 bytes", id="short_key"),
        pytest.param(f"a {base64.b64encode(b'k' * 33).decode()}", "line 1.*32 bytes", id="long_key"),
        pytest.param(f"a {B64}\na {B64}", "line 2 .*repeats", id="id_twice"),
        pytest.param(f"ä {B64}", "line 1.*id", id="id_not_ascii"),
        pytest.param(f"{'a' * 65} {B64}", "line 1.*id", id="long_id"),
        pytest.param("a \u00e9\u00e9\u00e9\u00e9", "line 1 ", id="key_not_ascii"),
    ],
)
def test_a_mistake_in_the_master_keys_is_named_by_line_without_the_key(text, words):
    with pytest.raises(CryptoError, match=words) as raised:
        envelope.parse_master_keys(text)
    assert B64[:8] not in str(raised.value)


def test_master_keys_are_not_printed():
    assert repr(KEYS) == f"MasterKeys(current={KEYS.current!r})"
