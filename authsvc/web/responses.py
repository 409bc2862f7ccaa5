"""Answers as plain data, and the two ways to make one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Headers = tuple[tuple[bytes, bytes], ...]

_JSON: Headers = ((b"content-type", b"application/json"),)
_PROBLEM: Headers = ((b"content-type", b"application/problem+json"),)
NO_STORE: Headers = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and the whole body."""

    status: int
    headers: Headers
    body: bytes = b""


def json_response(status: int, content: Mapping[str, Any], headers: Headers = NO_STORE) -> Response:
    """Return a JSON answer, by default one that nobody may store."""
    return Response(status, _JSON + headers, _encode(content).encode())


def problem(status: int, content: Mapping[str, Any], headers: Headers = NO_STORE) -> Response:
    """Return a problem of RFC 9457; the input is never echoed."""
    return Response(status, _PROBLEM + headers, _encode({"type": "about:blank", **content, "status": status}).encode())


def empty(status: int, headers: Headers = NO_STORE) -> Response:
    """Return an answer without a body."""
    return Response(status, headers)
