"""What FastAPI finds wrong with the fields of a request, in the words of our problems."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError

from authsvc.domain.fields import FieldProblem, FieldsInvalid

_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not a field that can be written",
    "string_type": "must be a string",
    "string_too_long": "may have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNNAMED = "(unnamed)"


def fields_invalid(error: RequestValidationError) -> FieldsInvalid:
    """Return our refusal for FastAPI's: each field and what to mend, in our words, which never quote the input."""
    return FieldsInvalid(tuple(_problem(found) for found in error.errors()))


def _problem(found: Mapping[str, Any]) -> FieldProblem:
    # The first part says where it was looked for ("body"), the others are names, some of them the caller's.
    name = ".".join(str(part) for part in found["loc"][1:]) or str(found["loc"][0])
    message = _MESSAGES.get(found["type"], "cannot be used").format(**found.get("ctx", {}))
    return FieldProblem(name if _NAME.fullmatch(name) else _UNNAMED, message)
