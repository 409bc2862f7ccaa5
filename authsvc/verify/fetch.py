"""The HTTP of this package: the issuer's metadata and keys, in bounded time and size, without redirects."""

import time

import httpx

from authsvc.crypto.strict_json import parse_object
from authsvc.verify.errors import BadAnswer, KeysUnavailable, MetadataInvalid
from authsvc.verify.key_set import FetchedKeys
from authsvc.verify.metadata import metadata_urls, read_jwks_uri

MAX_DOCUMENT_BYTES = 64 * 1024
_HEADERS = {
    "accept": "application/json",
    # A compressed body would be counted only after it has been blown up.
    "accept-encoding": "identity",
}
_FRESH_SECONDS_DEFAULT = 300
_FRESH_SECONDS_MIN = 60
_FRESH_SECONDS_MAX = 3600


class IssuerDocuments:
    """Fetches one issuer's keys, having found their address in its metadata.

    The address is remembered until a fetch fails, so that an issuer may move its keys.
    """

    def __init__(self, issuer: str, timeout_seconds: float) -> None:
        self._issuer = issuer
        self._timeout_seconds = timeout_seconds
        self._jwks_uri: str | None = None

    def load(self) -> FetchedKeys:
        """Fetch the keys; the metadata too when their address is not known yet.

        Raises:
            MetadataInvalid: the issuer answers, but with nothing that is its own metadata.
            KeysUnavailable: no usable answer within `timeout_seconds` for all documents together.
        """
        deadline = time.monotonic() + self._timeout_seconds
        jwks_uri, self._jwks_uri = self._jwks_uri, None
        with httpx.Client(headers=_HEADERS, follow_redirects=False) as client:
            if jwks_uri is None:
                jwks_uri = self._find_jwks_uri(client, deadline)
            document, headers = _fetch_object(client, jwks_uri, deadline)
        members = document.get("keys")
        if not isinstance(members, list):
            raise BadAnswer(f"{jwks_uri} answered no JWK Set")
        self._jwks_uri = jwks_uri
        return FetchedKeys(members, _fresh_seconds(headers))

    def _find_jwks_uri(self, client: httpx.Client, deadline: float) -> str:
        refusals: list[str] = []
        for url in metadata_urls(self._issuer):
            try:
                metadata, _ = _fetch_object(client, url, deadline)
                return read_jwks_uri(metadata, self._issuer)
            except (BadAnswer, MetadataInvalid) as error:
                refusals.append(error.detail)
        raise MetadataInvalid("; ".join(refusals))


def _fetch_object(client: httpx.Client, url: str, deadline: float) -> tuple[dict[str, object], httpx.Headers]:
    remaining_seconds = deadline - time.monotonic()
    if remaining_seconds <= 0:
        raise KeysUnavailable(f"{url}: no time left to ask")
    try:
        with client.stream("GET", url, timeout=remaining_seconds) as answer:
            _check_status(answer, url)
            body = _read_bounded(answer, url, deadline)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise KeysUnavailable(f"{url}: {type(error).__name__}") from error
    try:
        return parse_object(body), answer.headers
    except ValueError as error:
        raise BadAnswer(f"{url} answered no JSON object: {error!s:.100}") from error


def _check_status(answer: httpx.Response, url: str) -> None:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        raise KeysUnavailable(f"{url} answered {answer.status_code}")
    if answer.status_code != httpx.codes.OK:
        # A redirect too: it would let whoever answers once choose the address for good.
        raise BadAnswer(f"{url} answered {answer.status_code}")


def _read_bounded(answer: httpx.Response, url: str, deadline: float) -> bytes:
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise BadAnswer(f"{url} answered more than {MAX_DOCUMENT_BYTES} bytes")
        if time.monotonic() > deadline:
            raise KeysUnavailable(f"{url} answers too slowly")
    return bytes(body)


def _fresh_seconds(headers: httpx.Headers) -> float:
    fresh_seconds = _FRESH_SECONDS_DEFAULT
    for directive in headers.get("cache-control", "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in {"no-store", "no-cache"}:
            return _FRESH_SECONDS_MIN
        if name == "max-age" and value.isascii() and value.isdigit():
            # Ten digits are three centuries: enough to be clamped, and never too many for int().
            fresh_seconds = int(value[:10])
    return min(max(fresh_seconds, _FRESH_SECONDS_MIN), _FRESH_SECONDS_MAX)
