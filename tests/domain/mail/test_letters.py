import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from authsvc.domain.mail import letters
from authsvc.domain.mail.letters import Letterhead
from authsvc.domain.tenants import Look, Tenant
from authsvc.web.languages import LANGUAGES, wording

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TENANT = Tenant(uuid4(), "acme", "https://login.example.org/t/acme", "login.example.org", "/t/acme", False, NOW)
SECRET = "as_ml_0123456789"


def head(code="en", tenant=TENANT):
    return Letterhead(tenant, "a@example.org", wording(code, ""))


LETTERS = [
    pytest.param(lambda head: letters.confirm_registration(head, SECRET, 30), True, id="confirm-registration"),
    pytest.param(letters.already_registered, False, id="already-registered"),
    pytest.param(lambda head: letters.confirm_address(head, SECRET, 30), True, id="confirm-address"),
    pytest.param(letters.address_removed, False, id="address-removed"),
    pytest.param(letters.password_changed, False, id="password-changed"),
    pytest.param(lambda head: letters.reset_password(head, SECRET, 30), True, id="reset-password"),
    pytest.param(letters.password_reset, False, id="password-reset"),
]


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize(("letter", "has_secret"), LETTERS)
def test_a_letter_says_the_same_as_text_and_as_html(letter, has_secret, code):
    written = letter(head(code))
    assert written.recipient == "a@example.org"
    assert TENANT.issuer in written.text
    assert TENANT.issuer in written.html
    assert (SECRET in written.text, SECRET in written.html) == (has_secret, has_secret)
    assert "a@example.org" not in written.text + written.html
    assert "%(" not in written.text + written.subject
    assert f'<html lang="{code}" dir="{LANGUAGES[code].direction}">' in written.html
    text = re.sub(r"<[^>]+>", "", written.html)
    for paragraph in written.text.split("\n\n"):
        assert paragraph.strip() in text


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
@pytest.mark.parametrize(("letter", "has_secret"), LETTERS)
def test_a_letter_is_in_its_readers_language_throughout(letter, has_secret, code):
    own, english = letter(head(code)), letter(head())
    assert own.subject != english.subject
    same = set(own.text.split("\n\n")) & set(english.text.split("\n\n"))
    assert len(same) == 2 * has_secret + 1 - has_secret * ("\n" in SECRET)
    assert all(SECRET in part or TENANT.issuer in part for part in same)


@pytest.mark.parametrize(("letter", "has_secret"), LETTERS)
def test_a_secret_stands_only_in_a_link_to_a_page_of_the_issuer_and_as_the_code(letter, has_secret):
    written = letter(head())
    found = [word for word in written.text.split() if SECRET in word]
    assert len(found) == 2 * has_secret
    for word in found:
        assert word == SECRET or re.fullmatch(rf"{TENANT.issuer}/ui/[a-z/]+\?token={SECRET}", word)
    assert set(re.findall(r'href="([^"]*)"', written.html)) == {word for word in found if word != SECRET}
    assert not re.search(r"<img|<link|<script|src=|url\(", written.html)


def test_a_letter_names_the_service_as_people_do():
    named = Tenant(uuid4(), "acme", "https://login.example.org", None, "", True, NOW, look=Look(name="Acme & Söhne"))
    written = letters.password_changed(head(tenant=named))
    assert "your account at Acme & Söhne was" in written.text
    assert "Acme &amp; Söhne" in written.html
    assert "your account at login.example.org was" in letters.password_changed(head()).text


def test_the_html_of_a_letter_holds_no_markup_but_its_own():
    tenant = Tenant(uuid4(), "x", 'https://x.example/"><script>', None, "", True, NOW, look=Look(name="<b>"))
    written = letters.confirm_address(head(tenant=tenant), SECRET, 30)
    assert "<script>" not in written.html
    assert "<b>" not in written.html
    assert "&lt;b&gt;" in written.html


def test_no_text_of_a_letter_is_shown_in_a_log():
    assert SECRET not in repr(letters.confirm_address(head(), SECRET, 30))
