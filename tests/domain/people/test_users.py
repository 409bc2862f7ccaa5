"""Names and addresses: what they may be, and the one spelling under which each is known."""

import pytest

from authsvc.domain.people.users import EmailInvalid, UsernameInvalid, canonical_login, check_email, check_username


@pytest.mark.parametrize(
    "spelled", ["Straße", "STRASSE", " strasse ", "ｓｔｒａｓｓｅ", "stra\u00dfe", "\u2003Strasse\u00a0"]
)
def test_every_spelling_of_a_name_has_one_canonical_form(spelled):
    assert canonical_login(spelled) == "strasse"


@pytest.mark.parametrize("spelled", ["\u0345\u03b1", "ΐ", "ﬃ", "İ", "ᾳ\u0313", "\u1e9b\u0323"])
def test_the_canonical_form_is_its_own(spelled):
    assert canonical_login(canonical_login(spelled)) == canonical_login(spelled)


def test_look_alikes_are_different_names():
    assert canonical_login("аlice") != canonical_login("alice")


@pytest.mark.parametrize("name", ["a", "alice", "Änne", "anna-lena.b_2", "李小龍", "x" * 64])
def test_a_name_may_be_used(name):
    assert check_username(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " alice", "alice ", "al ice", "alice@example.com", "@", "a\x00b", "a\nb", "x" * 65, "-alice", ".", "_a",
     "alice/", "<b>", "a\u200bb", "\ud800", "a\u202eb", "＠x", "y" * 5_000],
)  # fmt: skip
def test_a_name_may_not_be_used(name):
    with pytest.raises(UsernameInvalid):
        check_username(name)


@pytest.mark.parametrize(
    "address",
    ["", "alice", "a@b@c.example", "a@", "@b.example", "a b@c.example", "a@b..example", "a@b.example\n",
     "a@b.example\x00", "<a@b.example>", "a@[127.0.0.1]", "a@b", "a@b.example, c@d.example", '"a@b"@c.example@d'],
)  # fmt: skip
def test_an_address_may_not_be_used(address):
    with pytest.raises(EmailInvalid):
        check_email(address)
