"""Entity tags: nobody changes or deletes what they have not seen as it is (RFC 9110 §8.8.3, §13.1.1; RFC 6585 §3)."""

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from authsvc.crypto import base64url
from authsvc.web.errors import HttpError
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Headers, Response, json_response

_BYTES = 12
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


def entity(
    status: int, content: Mapping[str, Any], headers: Headers = (), once: Mapping[str, Any] = _NOTHING
) -> Response:
    """Return the answer that shows one thing, with its tag; what is told only `once` is no part of its state."""
    tag = _tag(json_response(status, content))
    return json_response(status, {**content, **once}, (*NO_STORE, (b"etag", tag.encode()), *headers))


def require_match(call: Call, content: Mapping[str, Any]) -> None:
    """Let the request go on only if it names the tag of the thing as it is now, or `*` for whatever it is.

    Raises: HttpError 428 without If-Match, 412 if the thing has changed, 400 for what is no list of tags.
    """
    presented = call.request.header(b"if-match")
    if presented is None:
        raise HttpError(
            428,
            "Say in If-Match which state you have seen: the ETag of a GET, or * for any.",
            code="precondition_required",
        )
    if presented.strip() == "*":
        return
    tags = [tag.strip() for tag in presented.split(",")]
    if not all(_TAG.fullmatch(tag) for tag in tags):
        raise HttpError(400, "If-Match is * or entity tags in quotation marks.")
    if _tag(json_response(200, content)) not in tags:
        raise HttpError(412, "It has changed meanwhile: read it again.", code="precondition_failed")


def _tag(shown: Response) -> str:
    """Return the strong tag of a representation: nothing of it can change without another tag."""
    return f'"{base64url.encode(hashlib.sha256(shown.body).digest()[:_BYTES])}"'
