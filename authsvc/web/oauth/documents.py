"""The published documents: /jwks and the metadata, with ETag and Cache-Control, readable from everywhere."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.domain.keyring import Keyring, is_prepared, published_keys
from authsvc.protocol.discovery import Pages, metadata
from authsvc.web.cors import PUBLIC
from authsvc.web.endpoint import Handler
from authsvc.web.languages import LANGUAGES
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response


@dataclass(frozen=True, slots=True)
class _Prebuilt:
    """A document as bytes; good while its sources are the same objects and `until` has not come."""

    sources: tuple[object, ...]
    until: datetime | None
    ok: Response
    not_modified: Response
    etag: str

    def is_of(self, *sources: object) -> bool:
        """Say whether nothing has changed: what comes from the cache is the same object until something has."""
        return all(mine is given for mine, given in zip(self.sources, sources, strict=True))


def jwks_handler(keyring: Keyring, max_age_seconds: int) -> Handler:
    """Return the handler of GET /jwks (RFC 7517 §5).

    A new tenant's first keys are made then: who keeps the set from before its first token could not judge that else.
    """
    built: dict[UUID, _Prebuilt] = {}

    def handle(call: Call) -> Response:
        # The tags first: a request that is refused makes no keys.
        known, records, now = _known_tags(call), call.uow.keys.list(), call.request.now
        document = built.get(call.tenant.id)
        if document is None or not document.is_of(records) or (document.until and now >= document.until):
            if not is_prepared(records, now):
                keyring.prepare(call.uow, now)
                records = call.uow.keys.list()
            until = min((record.retires_at for record in records if record.retires_at and record.retires_at > now),
                        default=None)  # fmt: skip
            content = {"keys": published_keys(records, now)}
            document = _build((records,), until, content, b"application/jwk-set+json", max_age_seconds)
            built[call.tenant.id] = document
        return _answer(known, document)

    return handle


def metadata_handler(max_age_seconds: int, *, signs_up: bool) -> Handler:
    """Return the handler of both metadata documents (RFC 8414 §3, OpenID Connect Discovery 1.0 §4)."""
    pages = Pages(tuple(LANGUAGES), signs_up)
    built: dict[UUID, _Prebuilt] = {}

    def handle(call: Call) -> Response:
        known, resources = _known_tags(call), call.uow.resources.list()
        document = built.get(call.tenant.id)
        if document is None or not document.is_of(call.tenant, resources):
            content = metadata(call.tenant, resources, SIGNING_ALGORITHMS, pages)
            document = _build((call.tenant, resources), None, content, b"application/json", max_age_seconds)
            built[call.tenant.id] = document
        return _answer(known, document)

    return handle


def _build(
    sources: tuple[object, ...],
    until: datetime | None,
    content: Mapping[str, Any],
    media_type: bytes,
    max_age_seconds: int,
) -> _Prebuilt:
    body = json.dumps(content, separators=(",", ":"), default=dict).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers: Headers = (
        (b"cache-control", f"public, max-age={max_age_seconds}".encode()),
        (b"etag", etag.encode()),
        *PUBLIC,
    )
    ok = Response(200, ((b"content-type", media_type), *headers), body)
    return _Prebuilt(sources, until, ok, Response(304, headers), etag)


def _known_tags(call: Call) -> frozenset[str]:
    """Return the entity tags that the caller has (RFC 9110 §13.1.2). Raises: InvalidRequest."""
    known = call.request.header(b"if-none-match")
    return frozenset() if known is None else frozenset(tag.strip().removeprefix("W/") for tag in known.split(","))


def _answer(known: frozenset[str], document: _Prebuilt) -> Response:
    return document.not_modified if document.etag in known or "*" in known else document.ok
