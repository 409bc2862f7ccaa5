"""How a command says no: one sentence on stderr that says what to do, exit code 1, never a traceback."""

import sys
from collections.abc import Iterator
from tomllib import TOMLDecodeError

from pydantic import ValidationError
from pydantic_settings import SettingsError

from authsvc.crypto.errors import CryptoError
from authsvc.errors import AuthsvcError, StorageUnavailable


class Refused(Exception):
    """The command cannot be done; the text is the sentence."""


EXPECTED = (AuthsvcError, CryptoError, OSError, Refused, SettingsError, TOMLDecodeError, ValidationError)
"""What a person can cause and mend; anything else is a fault of ours and keeps its traceback."""


def tell(error: Exception) -> None:
    """Say on stderr why the command was not done."""
    for sentence in sentences(error):
        print(f"authsvc: {sentence}", file=sys.stderr)


def sentences(error: Exception) -> Iterator[str]:
    """Yield what to tell: one sentence, or one for each setting that is wrong."""
    match error:
        case ValidationError():
            yield from map(_about_setting, error.errors(include_input=False, include_url=False))
        case SettingsError() | TOMLDecodeError():
            yield f"The settings cannot be read: {error}."
        case StorageUnavailable():
            yield f"The database cannot be reached ({error.detail}): see that it runs and that {DATABASE} is right."
        case AuthsvcError():
            yield f"{error.rule.replace('_', ' ').capitalize()}: {error.detail or 'refused'}."
        case OSError() if error.filename is not None:
            yield f"{error.filename}: {error.strerror}."
        case _:
            yield f"{str(error).removesuffix('.')}."


DATABASE = "AUTHSVC_DATABASE_URL"


def _about_setting(problem: object) -> str:
    # The value is not repeated: it may be a secret.
    assert isinstance(problem, dict)  # noqa: S101 - ErrorDetails is a TypedDict
    name = "__".join(str(part).upper() for part in problem["loc"])
    return f"AUTHSVC_{name}: {problem['msg'].removeprefix('Value error, ')}."
