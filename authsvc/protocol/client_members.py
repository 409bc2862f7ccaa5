"""The members of client metadata, one row for each: how its JSON is read, and which attribute keeps it.

A row reads types and closed lists of values; what URIs, texts and keys may be is the domain's to say (`check_client`).
Source: RFC 7591 §2, OpenID Connect Registration 1.0 §2, OpenID Connect logout specifications.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from authsvc.crypto.algorithms import HMAC_ALGORITHMS, SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.domain.parties.clients import AUTH_METHODS
from authsvc.domain.parties.relying_parties import APPLICATION_TYPES, MAX_TEXT_CHARACTERS, SUBJECT_TYPES, TEXTS, is_text

Told = str | int | bool | list[str] | Mapping[str, Any]
UNREGISTERED_METHODS = frozenset({"federated_assertion"})
"""Whose proof is an identity elsewhere: an administrator says which."""
METHODS = tuple(method for method in AUTH_METHODS if method not in UNREGISTERED_METHODS)


class WrongValue(ValueError):
    """The text says what the member must be."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of JSON value: `read` gives what is kept of it or raises WrongValue, `tell` goes the other way."""

    read: Callable[[object], Any]
    tell: Callable[[Any], Told]


@dataclass(frozen=True, slots=True)
class Member:
    """One member. `always`: told also when it is what it is by default, for the client did not choose it."""

    name: str
    kind: Kind
    attribute: str
    always: bool = False


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValue("a text")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not is_text(value):
        raise WrongValue(f"1 to {MAX_TEXT_CHARACTERS} characters in one line")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise WrongValue("a list of texts")
    return tuple(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongValue("true or false")
    return value


def _seconds(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValue("a whole number of seconds")
    return value


def _key_set(value: object) -> str:
    if not isinstance(value, dict):
        raise WrongValue("a JWK Set")
    return json.dumps(value, separators=(",", ":"))


def one_of(values: tuple[str, ...]) -> Kind:
    """Return the kind of a text that is one of these."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in values:
            raise WrongValue(f"one of {', '.join(values)}")
        return value

    return Kind(read, str)


TEXT = Kind(_text, str)
NAME = Kind(_name, str)
LIST = Kind(_texts, list)
FLAG = Kind(_flag, bool)
SECONDS = Kind(_seconds, int)
KEY_SET = Kind(_key_set, json.loads)

OF_CLIENT = (
    Member("client_name", NAME, "name"),
    Member("token_endpoint_auth_method", one_of(METHODS), "auth_method", always=True),
    Member("id_token_signed_response_alg", one_of(SIGNING_ALGORITHMS), "id_token_algorithm", always=True),
    Member("jwks", KEY_SET, "jwks"),
    Member("jwks_uri", TEXT, "jwks_uri"),
)
"""Kept by Client."""
OF_PARTY = (
    Member("redirect_uris", LIST, "redirect_uris", always=True),
    Member("post_logout_redirect_uris", LIST, "post_logout_redirect_uris"),
    Member("application_type", one_of(APPLICATION_TYPES), "application_type", always=True),
    Member("subject_type", one_of(SUBJECT_TYPES), "subject_type", always=True),
    Member("sector_identifier_uri", TEXT, "sector_identifier_uri"),
    Member("default_max_age", SECONDS, "default_max_age_seconds"),
    Member("require_auth_time", FLAG, "requires_auth_time"),
    Member("default_acr_values", LIST, "default_acr_values"),
    Member("initiate_login_uri", TEXT, "initiate_login_uri"),
    Member("userinfo_signed_response_alg", one_of(SIGNING_ALGORITHMS), "userinfo_algorithm"),
    Member("request_object_signing_alg", one_of(STRANGER_ALGORITHMS), "request_object_algorithm"),
    Member("frontchannel_logout_uri", TEXT, "frontchannel_logout_uri"),
    Member("frontchannel_logout_session_required", FLAG, "frontchannel_logout_session_required"),
    Member("backchannel_logout_uri", TEXT, "backchannel_logout_uri"),
    Member("backchannel_logout_session_required", FLAG, "backchannel_logout_session_required"),
    Member("contacts", LIST, "contacts"),
    Member("software_id", TEXT, "software_id"),
    Member("software_version", TEXT, "software_version"),
)
"""Kept by RelyingParty, whose defaults are theirs."""

ASSERTION_ALGORITHMS = {"private_key_jwt": STRANGER_ALGORITHMS, "client_secret_jwt": HMAC_ALGORITHMS}
"""What may sign a client's assertions, by its method; all of it if the client names nothing."""
ASSERTION_ALGORITHM = Kind(one_of((*STRANGER_ALGORITHMS, *HMAC_ALGORITHMS)).read, str)
PEOPLES_TEXTS = TEXTS
"""What people are shown, also with #language after the name."""

UNSUPPORTED = (
    *(
        f"{document}_encrypted_response_{part}"
        for document in ("id_token", "userinfo", "introspection", "authorization")
        for part in ("alg", "enc")
    ),
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
)
"""A promise that this server could not keep: refused, for a client that asked for it would believe that it is kept."""
