from dataclasses import fields
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from authsvc.crypto.envelope import new_master_key_line, parse_master_keys
from authsvc.crypto.errors import DecryptionFailed
from authsvc.domain import mail
from authsvc.domain.mail import Postbox
from authsvc.domain.outbox import Letter, Mail
from authsvc.domain.tenants import Tenant

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TENANT = Tenant(uuid4(), "acme", "https://login.example.org/t/acme", "login.example.org", "/t/acme", False, NOW)
SECRET = "as_ml_0123456789"
LETTERS = [
    pytest.param(mail.confirm_registration(TENANT, "a@example.org", SECRET, 30), True, id="confirm-registration"),
    pytest.param(mail.already_registered(TENANT, "a@example.org"), False, id="already-registered"),
    pytest.param(mail.confirm_address(TENANT, "a@example.org", SECRET, 30), True, id="confirm-address"),
    pytest.param(mail.address_removed(TENANT, "a@example.org"), False, id="address-removed"),
    pytest.param(mail.password_changed(TENANT, "a@example.org"), False, id="password-changed"),
]


@pytest.mark.parametrize(("letter", "has_secret"), LETTERS)
def test_a_letter_says_the_same_as_text_and_as_html(letter, has_secret):
    assert letter.recipient == "a@example.org"
    assert TENANT.issuer in letter.text
    assert TENANT.issuer in letter.html
    assert (SECRET in letter.text, SECRET in letter.html) == (has_secret, has_secret)
    assert "a@example.org" not in letter.text


@pytest.mark.parametrize(("letter", "has_secret"), LETTERS)
def test_a_secret_stands_only_behind_the_hash_of_a_link_to_the_issuer(letter, has_secret):
    links = [word for word in letter.text.split() if word.startswith("https://") and SECRET in word]
    assert len(links) == int(has_secret)
    for link in links:
        before, _, after = link.partition("#")
        assert before.startswith(f"{TENANT.issuer}/ui/")
        assert after == f"token={SECRET}"


def test_the_html_of_a_letter_holds_no_markup_but_its_own():
    tenant = Tenant(uuid4(), "x", 'https://x.example/"><script>', None, "", True, NOW)
    assert "<script>" not in mail.confirm_address(tenant, "a@example.org", SECRET, 30).html


def test_no_text_of_a_letter_is_shown_in_a_log():
    assert SECRET not in repr(mail.confirm_address(TENANT, "a@example.org", SECRET, 30))


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
    assert mail.reservation("a@example.org").key == mail.reservation(other).key
    assert "example" not in mail.reservation(other).key
