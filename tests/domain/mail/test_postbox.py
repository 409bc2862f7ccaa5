from dataclasses import fields
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from authsvc.crypto.envelope import new_master_key_line, parse_master_keys
from authsvc.crypto.errors import DecryptionFailed
from authsvc.domain.mail import postbox
from authsvc.domain.mail.outbox import Letter, Mail
from authsvc.domain.mail.postbox import Postbox

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Unit:
    """A unit of work, as far as a postbox sees it."""

    def __init__(self) -> None:
        self.tenant_id = uuid4()
        self.letters: list[Letter] = []
        self.outbox = self

    def add(self, letter: Letter) -> None:
        self.letters.append(letter)


def test_a_letter_lies_encrypted_and_bound_to_its_row():
    postbox, unit = Postbox(parse_master_keys(new_master_key_line())), Unit()
    letter = Mail("a@example.org", "subject", "the text", "the html")
    for _ in range(2):
        postbox.post(letter, unit, NOW)  # type: ignore[arg-type]
    first, second = unit.letters
    assert postbox.open(first, unit.tenant_id) == letter
    for field in fields(letter):
        assert getattr(letter, field.name).encode() not in first.content_encrypted
    swapped = Letter(second.id, first.content_encrypted, NOW, NOW)
    for stolen, tenant_id in ((swapped, unit.tenant_id), (first, uuid4())):
        with pytest.raises(DecryptionFailed):
            postbox.open(stolen, tenant_id)


@pytest.mark.parametrize("other", ["A@EXAMPLE.org", " a@example.org", "ａ@example.org"])
def test_letters_to_every_spelling_of_an_address_share_a_counter(other):
    assert postbox.reservation("a@example.org").key == postbox.reservation(other).key
    assert "example" not in postbox.reservation(other).key
