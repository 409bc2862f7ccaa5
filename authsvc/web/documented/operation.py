"""One operation as it is documented: who may call it, what it takes and everything that it can answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from authsvc.errors import AuthsvcError
from authsvc.web.errors import Form

Schema = Mapping[str, Any]
Refusal = type[AuthsvcError] | Form
"""A class of our errors, or the form itself where the rule is HTTP's own."""
Caller = Literal[
    "anyone",
    "client",
    "account",
    "client or account",
    "service or account",
    "token",
    "initial token",
    "client token",
    "administrator",
]


IDEMPOTENCY: Mapping[str, str] = {
    "Idempotency-Key": "Chosen freely: the same request with the same key gets the first answer again, for a day; "
    "secrets that are told once are not in it."
}
KEY_REUSED: Refusal = Form(422, "idempotency_key_reused", "This key came with another body before.")


@dataclass(frozen=True, slots=True)
class Answer:
    """A success; without a media type it has no body."""

    description: str
    media_type: str = ""
    schema: Schema = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """What the routes do not know of an operation.

    `takes` is the body's schema and `summary` one sentence; a declared endpoint has both from its own function. `query`
    holds the parameters that its URL must have, `headers` those that may come, with what each is; `scope` is what an
    administrator needs.
    `bodies` describe a body that differs by its media type, `options` the parameters that its URL may have.
    `examples` are the rest of a curl command after the URL, by what they do.
    """

    tag: str
    answers: Mapping[int, Answer]
    summary: str = ""
    caller: Caller = "anyone"
    takes: Schema | None = None
    refusals: tuple[Refusal, ...] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    options: Mapping[str, tuple[str, Schema]] = field(default_factory=dict)
