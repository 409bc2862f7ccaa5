"""The body of a request: its size, its deadline and its media type are judged before anything else."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from authsvc.web.errors import HttpError
from authsvc.web.forms import Fields, checked_json, json_fields, parse_form, single_values

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
RawHeaders = tuple[tuple[bytes, bytes], ...]
_CLOSE = ((b"connection", b"close"),)


class Disconnected(Exception):
    """The client went away before its request was whole."""


async def read_body(headers: RawHeaders, receive: Receive, limit_bytes: int, deadline_seconds: float) -> bytes:
    """Return the whole body. Raises: HttpError 413 (reads no further), 408, 400; Disconnected."""
    _check_length(headers, limit_bytes)
    # asyncio.timeout does the same at three times the cost, on every request.
    task, is_late = asyncio.current_task(), False

    def interrupt() -> None:
        nonlocal is_late
        is_late = True
        if task is not None:
            task.cancel()

    timer = asyncio.get_running_loop().call_later(deadline_seconds, interrupt)
    try:
        return await _whole(receive, limit_bytes)
    except asyncio.CancelledError as error:
        if not is_late or task is None or task.uncancel() > 0:
            raise
        raise HttpError(408, "The request took too long to arrive.", _CLOSE) from error
    finally:
        timer.cancel()


def has_body(method: str, headers: RawHeaders) -> bool:
    """Whether there may be a body to read: a GET that announces none has none worth waiting for."""
    if method not in {"GET", "HEAD"}:
        return True
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers)


def fields_of(body: bytes, headers: RawHeaders, accepts: tuple[str, ...]) -> Fields:
    """Return the body's fields. An empty body needs no type. Raises: HttpError 415, InvalidRequest."""
    if not body:
        return {}
    return parse_form(body) if _checked_type(headers, accepts) == FORM else json_fields(body)


def clean_json(body: bytes, headers: RawHeaders) -> bytes:
    """Return the body as JSON that can be read in one way only; a form becomes an object of strings.

    Raises: HttpError 415, InvalidRequest.
    """
    if not body:
        return body
    if _checked_type(headers, (JSON, FORM)) == FORM:
        return json.dumps(single_values(parse_form(body), frozenset())).encode()
    return json.dumps(checked_json(body)).encode()


def _checked_type(headers: RawHeaders, accepts: tuple[str, ...]) -> str:
    content_type = b""
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise HttpError(415, "Send the body without a content encoding.", ((b"accept-encoding", b"identity"),))
    if content_type == b"application/x-www-form-urlencoded" and FORM in accepts:
        return FORM
    media_type, charset = _media_type(content_type.decode("latin-1"))
    if media_type not in accepts or charset not in {"utf-8", "utf8"}:
        accepted = ", ".join(accepts)
        raise HttpError(415, f"Send {' or '.join(accepts)} in UTF-8.", ((b"accept-post", accepted.encode()),))
    return media_type


def _check_length(headers: RawHeaders, limit_bytes: int) -> None:
    for name, value in headers:
        if name == b"content-length" and (not value.isdigit() or len(value) > 18 or int(value) > limit_bytes):  # noqa: PLR2004
            raise _too_large(limit_bytes)


async def _whole(receive: Receive, limit_bytes: int) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        more = message.get("more_body", False)
    return body


def _too_large(limit_bytes: int) -> HttpError:
    return HttpError(413, f"The body may have at most {limit_bytes} bytes.", _CLOSE)


def _media_type(content_type: str) -> tuple[str, str]:
    media_type, _, parameters = content_type.partition(";")
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset":
            charset = value.strip('"').lower()
    return media_type.strip().lower(), charset
