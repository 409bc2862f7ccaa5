"""The secret in the Authorization header (RFC 6749 §2.3.1, RFC 7617)."""

import binascii
from base64 import b64decode
from urllib.parse import unquote_plus

from authsvc.domain.parties.clients import Client, secret_matches
from authsvc.protocol.credentials import PROVED, Credentials, Presentable, Proof, Proving
from authsvc.protocol.errors import InvalidClient

METHOD = "client_secret_basic"
MAX_HEADER_CHARACTERS = 2_048


def presented(request: Presentable) -> Credentials | None:
    """Return id and secret of a Basic header, form-decoded as RFC 6749 asks.

    Raises: InvalidClient for another scheme or a header that cannot be read.
    """
    header = request.authorization
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(header) > MAX_HEADER_CHARACTERS:
        raise InvalidClient("the Authorization header must use the Basic scheme")
    try:
        pair = b64decode(encoded.strip(" "), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidClient("the Basic credentials are not base64 of UTF-8 text") from error
    client_id, colon, secret = pair.partition(":")
    if not colon or not client_id or not secret:
        raise InvalidClient("the Basic credentials must be client_id:client_secret")
    return Credentials(_form_decoded(client_id), _form_decoded(secret))


def authenticate(credentials: Credentials, client: Client, proving: Proving) -> Proof | None:
    """Return the proof if it is one of the client's live secrets."""
    presented_secret = credentials.presented_secret
    return PROVED if presented_secret is not None and secret_matches(client, presented_secret) else None


def _form_decoded(value: str) -> str:
    return unquote_plus(value) if "%" in value or "+" in value else value
