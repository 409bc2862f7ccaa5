"""What a password must be, and its one normal form."""

import unicodedata

import pytest

from authsvc.domain.people.passwords import (
    MAX_PASSWORD_BYTES,
    PasswordInvalid,
    PasswordPolicy,
    check_new_password,
    is_too_long,
    normal_form,
)

POLICY = PasswordPolicy(8, 15, lambda: frozenset({"correct horse battery staple"}))


def check(password: str, *, has_second_factor: bool = False, names: tuple[str, ...] = ("alice",)) -> str:
    return check_new_password(password, POLICY, has_second_factor=has_second_factor, names=names)


@pytest.mark.parametrize(
    ("password", "second"),
    [
        pytest.param("fifteen letters", False, id="just long enough"),
        pytest.param("8 lettrs", True, id="eight beside a second factor"),
        pytest.param("ein ganz anderer Satz ohne Ziffern", False, id="no composition rules"),
        pytest.param("пароль на пятнадцать", False, id="any script"),
        pytest.param("x" * 1_023 + "y", False, id="1,024 bytes"),
    ],
)
def test_a_password_may_be_chosen(password, second):
    assert check(password, has_second_factor=second) == password


@pytest.mark.parametrize(
    ("password", "second", "names"),
    [
        pytest.param("fourteen chars", False, (), id="short without a second factor"),
        pytest.param("7 chars", True, (), id="short beside one"),
        pytest.param("x" * 1_024 + "y", False, (), id="1,025 bytes"),
        pytest.param("ü" * 512 + "y", False, (), id="1,025 bytes in fewer characters"),
        pytest.param("Correct Horse Battery Staple", False, (), id="common in any case"),
        pytest.param("aaaaaaaaaaaaaaaaaaaa", False, (), id="one character"),
        pytest.param("correct horse battery staple" * 2, False, (), id="common, said twice"),
        pytest.param("Alexandra.Longname", False, ("alexandra.longname",), id="the own name"),
        pytest.param("alexandra@longname.example", False, ("a", "Alexandra@longname.example"), id="the own address"),
    ],
)
def test_a_password_may_not_be_chosen(password, second, names):
    with pytest.raises(PasswordInvalid):
        check(password, has_second_factor=second, names=names)


def test_length_is_counted_in_normal_form():
    with pytest.raises(PasswordInvalid):
        check("u\u0308" * 14)


def test_an_overlong_password_is_not_brought_into_normal_form():
    """That takes time with the square of the length: 30,000 characters hold the process for a second."""
    slow = "a" + "\u0315\u0316" * 2_500
    assert normal_form(slow) == slow
    assert unicodedata.normalize("NFC", slow) != slow
    assert is_too_long(slow)


def test_what_stays_unnormalized_is_too_long_in_any_form():
    densest = "\u03b1\u0313\u0300\u0345"
    assert len(unicodedata.normalize("NFC", densest)) == 1
    spelled = densest * (MAX_PASSWORD_BYTES + 1)
    assert is_too_long(unicodedata.normalize("NFC", spelled))
