"""Client registration's part of the table of operations."""

from collections.abc import Mapping

from authsvc.domain.parties.registration_quota import TooManyClients
from authsvc.domain.people.lockout import Throttled
from authsvc.errors import Conflict
from authsvc.protocol.errors import (
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidSoftwareStatement,
    InvalidToken,
    MissingToken,
    RegistrationIsOff,
    UnapprovedSoftwareStatement,
)
from authsvc.web.documented.client_shapes import METADATA
from authsvc.web.documented.operation import Answer, Operation, Refusal
from authsvc.web.documented.schemas import ref

TAG = "Registration"
_NO_STORE = {"Cache-Control": "no-store"}
_TOKEN: tuple[Refusal, ...] = (MissingToken, InvalidToken)
_WRONG: tuple[Refusal, ...] = (
    InvalidClientMetadata, InvalidRedirectUri, InvalidSoftwareStatement, UnapprovedSoftwareStatement,
)  # fmt: skip
_URL = "/connect/register"
_CLIENT = {"client_id": "The client; it stands in the registration_client_uri."}

REGISTRATION: Mapping[str, Operation] = {
    f"POST {_URL}": Operation(
        TAG,
        {201: Answer("The client is registered.", "application/json", ref("RegisteredClient"),
                     {"Location": "Where its registration is read and changed.", **_NO_STORE})},
        "Register a client: with an initial access token, or without where the issuer lets everybody (RFC 7591).",
        "initial token",
        METADATA,
        (*_WRONG, *_TOKEN, RegistrationIsOff, TooManyClients, Throttled),
        {
            "Register a client": "-H 'Content-Type: application/json' -H \"Authorization: Bearer $INITIAL_TOKEN\" \\\n"
            "  --data @- <<'JSON'\n"
            '{"client_name": "My shop",\n "redirect_uris": ["https://shop.example/callback"]}\nJSON'
        },
    ),
    f"GET {_URL}": Operation(
        TAG,
        {200: Answer("The client as it is registered.", "application/json", ref("RegisteredClient"), _NO_STORE)},
        "A client reads its registration (RFC 7592). The URL is its registration_client_uri.",
        "client token",
        refusals=_TOKEN,
        query=_CLIENT,
    ),
    f"PUT {_URL}": Operation(
        TAG,
        {200: Answer("The client as it is registered now.", "application/json", ref("RegisteredClient"), _NO_STORE)},
        "A client replaces all of its metadata; what is left out is forgotten.",
        "client token",
        METADATA,
        (*_WRONG, *_TOKEN, Conflict),
        query=_CLIENT,
    ),
    f"DELETE {_URL}": Operation(
        TAG,
        {204: Answer("The client is gone, with all that it held.")},
        "A client deletes itself.",
        "client token",
        refusals=_TOKEN,
        query=_CLIENT,
    ),
}  # fmt: skip
