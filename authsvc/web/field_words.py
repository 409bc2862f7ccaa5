"""What people are told of fields that cannot be used, in words that the catalogues know."""

from collections.abc import Mapping

from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.people.passwords import OWN_NAME, TOO_COMMON, TOO_LONG, TOO_SHORT
from authsvc.web.languages import mark

MISSING, TAKEN = "missing", "taken"
_NAME = mark("Use 1 to 64 letters, digits, dots, hyphens or underscores, and no @.")
_PASSWORD = {
    TOO_SHORT: mark("This password is too short."),
    TOO_LONG: mark("This password is too long."),
    TOO_COMMON: mark("Many people use this password. Choose one that nobody else would."),
    OWN_NAME: mark("The password may not be your own name or address."),
    MISSING: mark("Enter a new password."),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "username": {
        "": _NAME,
        MISSING: _NAME,
        TAKEN: mark("Somebody has this name already. Choose another."),
    },
    "email": {
        "": mark("Enter an address such as name@example.com."),
        MISSING: mark("Enter your e-mail address."),
    },
    "password": _PASSWORD,
    "new_password": _PASSWORD,
    "current_password": {MISSING: mark("Enter your current password.")},
}
_OTHERWISE = mark("This cannot be used here.")


def in_words(error: FieldsInvalid) -> dict[str, str]:
    """Return each field with what to mend."""
    return {found.field: _WORDS.get(found.field, {}).get(found.reason, _OTHERWISE) for found in error.problems}
