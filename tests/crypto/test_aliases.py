import secrets
from uuid import uuid4

import pytest

from authsvc.crypto.aliases import alias_key, hide, reveal

KEY = secrets.token_bytes(32)


def test_a_name_leads_back_to_its_id_under_the_same_key_alone():
    one, other = alias_key(KEY, b"one"), alias_key(KEY, b"other")
    for identifier in (uuid4().bytes for _ in range(50)):
        name = hide(identifier, one)
        assert reveal(name, one) == identifier
        assert len({identifier, name, hide(identifier, other), reveal(name, other)}) == 4


def test_ids_never_share_a_name():
    key = alias_key(KEY, b"one")
    assert len({hide(number.to_bytes(16, "big"), key) for number in range(1_000)}) == 1_000


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_only_whole_ids_have_names(length: int):
    for way in (hide, reveal):
        with pytest.raises(ValueError, match="16 bytes"):
            way(bytes(length), alias_key(KEY, b"one"))
