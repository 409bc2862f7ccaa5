"""The HTTP of this package: the issuer's metadata and keys, in bounded time and size, without redirects."""

import asyncio
from collections.abc import Mapping

import httpx

from authsvc.crypto.strict_json import parse_object
from authsvc.verify.errors import BadAnswer, KeysUnavailable, MetadataInvalid, Unreachable
from authsvc.verify.key_set import FetchedKeys
from authsvc.verify.metadata import metadata_urls, read_address

MAX_DOCUMENT_BYTES = 256 * 1024
"""Room for five hundred RSA keys or seventy of ML-DSA: a server that rotates often has published a hundred."""
_HEADERS = {
    "accept": "application/json",
    # A compressed body would be counted only after it has been blown up.
    "accept-encoding": "identity",
}
_KEEPALIVE_SECONDS = 5
_FRESH_SECONDS_DEFAULT = 300
_FRESH_SECONDS_MIN = 60
_FRESH_SECONDS_MAX = 3600


def new_client(timeout_seconds: float) -> httpx.AsyncClient:
    """Return a client that follows no redirect, and takes neither proxies nor passwords from the environment."""
    return httpx.AsyncClient(
        headers=_HEADERS,
        follow_redirects=False,
        trust_env=False,
        # Certificates it may: an installation has its own authorities, named by SSL_CERT_FILE.
        verify=httpx.create_ssl_context(),
        timeout=timeout_seconds,
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=_KEEPALIVE_SECONDS),
    )


async def fetch_object(
    client: httpx.AsyncClient, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> tuple[dict[str, object], httpx.Headers]:
    """Return the JSON object that is answered (to a POST if there is a form), and its headers.

    The caller bounds the time.

    Raises:
        BadAnswer: it answers, but with a redirect, a refusal, too much, or no JSON object.
        Unreachable: it cannot be reached, or breaks off. KeysUnavailable: it cannot answer now.
    """
    try:
        async with client.stream("POST" if form else "GET", url, data=form, headers=headers) as answer:
            _check_status(answer, url)
            body = await _read_bounded(answer, url)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise Unreachable(f"{url}: {type(error).__name__}") from error
    try:
        return parse_object(body), answer.headers
    except ValueError as error:
        raise BadAnswer(f"{url} answered no JSON object: {error!s:.100}") from error


async def find_in_metadata(client: httpx.AsyncClient, issuer: str, name: str) -> str:
    """Return the address that the issuer's metadata has under this name.

    Raises:
        MetadataInvalid: the issuer answers, but with nothing that is its own metadata.
        KeysUnavailable: no usable answer.
    """
    refusals: list[str] = []
    for url in metadata_urls(issuer):
        try:
            metadata, _ = await fetch_object(client, url)
            return read_address(metadata, issuer, name)
        except (BadAnswer, MetadataInvalid) as error:
            refusals.append(error.detail)
    raise MetadataInvalid("; ".join(refusals))


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
            KeysUnavailable: no usable answer within `timeout_seconds` for all documents together, however the
                issuer doles them out: then everything is dropped, and this thread is free.
        """
        return asyncio.run(self._load())

    async def _load(self) -> FetchedKeys:
        jwks_uri, self._jwks_uri = self._jwks_uri, None
        try:
            async with asyncio.timeout(self._timeout_seconds), new_client(self._timeout_seconds) as client:
                jwks_uri = jwks_uri or await find_in_metadata(client, self._issuer, "jwks_uri")
                document, headers = await fetch_object(client, jwks_uri)
        except TimeoutError as error:
            raise KeysUnavailable(f"{jwks_uri or self._issuer} answers too slowly") from error
        members = document.get("keys")
        if not isinstance(members, list):
            raise BadAnswer(f"{jwks_uri} answered no JWK Set")
        self._jwks_uri = jwks_uri
        return FetchedKeys(members, _fresh_seconds(headers))


def _check_status(answer: httpx.Response, url: str) -> None:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        raise KeysUnavailable(f"{url} answered {answer.status_code}")
    if answer.status_code != httpx.codes.OK:
        # A redirect too: it would let whoever answers once choose the address for good.
        raise BadAnswer(f"{url} answered {answer.status_code}")


async def _read_bounded(answer: httpx.Response, url: str) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise BadAnswer(f"{url} answered more than {MAX_DOCUMENT_BYTES} bytes")
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
