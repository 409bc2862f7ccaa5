"""The public keys of clients and trusted issuers, loaded once for each state of their set."""

from collections.abc import Iterable
from functools import lru_cache

from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.jwk import VerificationKey, load_key_set
from authsvc.domain.documents import Document, FetchFailed
from authsvc.domain.ports import Fetcher

_REMEMBERED_SETS = 256
"""Of at most 64 KiB of text each; loading a key costs up to 100 us."""


def find_keys(
    jwks: str | None, jwks_uri: str | None, algorithms: frozenset[str], kid: str | None, fetcher: Fetcher
) -> tuple[VerificationKey, ...]:
    """Return all keys of the set that can verify one of `algorithms`, mostly from memory.

    When `kid` is named and is not among those at `jwks_uri`, the fetcher is asked once for a newer set: keys rotate.
    Raises: FetchFailed if the set cannot be had now, or is none; FetchBusy.
    """
    if jwks is not None:
        return _keys_of_text(jwks, algorithms)
    if jwks_uri is None:
        return ()
    keys = _keys_of_document(fetcher.fetch(jwks_uri), algorithms)
    if kid is None or _is_among(kid, keys):
        return keys
    return _keys_of_document(fetcher.fetch(jwks_uri, renewed=True), algorithms)


def _is_among(kid: str, keys: Iterable[VerificationKey]) -> bool:
    return any(key.kid == kid for key in keys)


@lru_cache(_REMEMBERED_SETS)
def _keys_of_text(jwks: str, algorithms: frozenset[str]) -> tuple[VerificationKey, ...]:
    return _load(jwks, algorithms)


@lru_cache(_REMEMBERED_SETS)
def _keys_of_document(document: Document, algorithms: frozenset[str]) -> tuple[VerificationKey, ...]:
    # Documents are equal when their versions are.
    return _load(document.body, algorithms)


def _load(jwks: str | bytes, algorithms: frozenset[str]) -> tuple[VerificationKey, ...]:
    try:
        return load_key_set(jwks, algorithms)
    except UnsupportedKey as error:
        raise FetchFailed(f"no key set: {error}") from None
