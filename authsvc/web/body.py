"""The body of a request: its size, its deadline and its media type are judged before anything else."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from authsvc.web.errors import HttpError
from authsvc.web.forms import Fields, checked_json, json_fields, parse_form, single_values

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Head = Mapping[bytes, bytes]
"""The headers by name; of a repeated one the last."""
CLOSE = ((b"connection", b"close"),)
_HOST = re.compile(rb"(?:\[[0-9A-Za-z:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?")
"""`uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2)."""


class Disconnected(Exception):
    """The client went away before its request was whole."""


async def read_body(head: Head, receive: Receive, limit_bytes: int, deadline_seconds: float) -> bytes:
    """Return the whole body. Raises: HttpError 413 (reads no further), 408, 400; Disconnected."""
    check_length(head, limit_bytes)
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
        raise HttpError(408, "The request took too long to arrive.", CLOSE) from error
    finally:
        timer.cancel()


def check_host(scope: Mapping[str, Any], head: Head) -> None:
    """Raise HttpError 400 unless there is one Host (none in HTTP/1.0), and it is one (RFC 9112 §3.2).

    It selects the tenant: a proxy may have gone by another one.
    """
    headers = scope["headers"]
    if len(head) < len(headers) and [name for name, _ in headers].count(b"host") > 1:
        raise HttpError(400, "The Host header is repeated.")
    host = head.get(b"host")
    if host is None and scope["http_version"] == "1.1":
        raise HttpError(400, "The Host header is missing.")
    if host is not None and _HOST.fullmatch(host) is None:
        raise HttpError(400, "The Host header is no host with an optional port.")


def has_body(method: str, head: Head) -> bool:
    """Whether there may be a body to read: a GET that announces none has none worth waiting for."""
    if method not in {"GET", "HEAD"}:
        return True
    return b"content-length" in head or b"transfer-encoding" in head


def fields_of(body: bytes, head: Head, accepts: tuple[str, ...], *, nested: bool = False) -> Fields:
    """Return the body's fields: of `nested` JSON none, which its handler reads itself. An empty body needs no type.

    Raises: HttpError 415, InvalidRequest.
    """
    if not body:
        return {}
    if checked_type(head, accepts) == FORM:
        return parse_form(body)
    return {} if nested else json_fields(body)


def clean_json(body: bytes, head: Head) -> bytes:
    """Return the body as JSON that can be read in one way only; a form becomes an object of strings.

    Raises: HttpError 415, InvalidRequest.
    """
    if not body:
        return body
    if checked_type(head, (JSON, FORM)) == FORM:
        return json.dumps(single_values(parse_form(body), frozenset())).encode()
    return json.dumps(checked_json(body)).encode()


def checked_type(head: Head, accepts: tuple[str, ...]) -> str:
    """Return the media type, one of those accepted. Raises: HttpError 415."""
    content_type = head.get(b"content-type", b"")
    if head.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HttpError(415, "Send the body without a content encoding.", ((b"accept-encoding", b"identity"),))
    if content_type == b"application/x-www-form-urlencoded" and FORM in accepts:
        return FORM
    media_type, charset = _media_type(content_type.decode("latin-1"))
    if media_type not in accepts or charset not in {"utf-8", "utf8"}:
        accepted = ", ".join(accepts)
        raise HttpError(415, f"Send {' or '.join(accepts)} in UTF-8.", ((b"accept-post", accepted.encode()),))
    return media_type


def check_length(head: Head, limit_bytes: int) -> None:
    """Raise HttpError 413 if the body announces that it is too large, or nothing that is a length."""
    length = head.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > 18 or int(length) > limit_bytes:  # noqa: PLR2004
        raise too_large(limit_bytes)


async def _whole(receive: Receive, limit_bytes: int) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            raise too_large(limit_bytes)
        more = message.get("more_body", False)
    return body


def too_large(limit_bytes: int) -> HttpError:
    """Return the refusal of a body that has more bytes."""
    return HttpError(413, f"The body may have at most {limit_bytes} bytes.", CLOSE)


def _media_type(content_type: str) -> tuple[str, str]:
    media_type, _, parameters = content_type.partition(";")
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset":
            charset = value.strip('"').lower()
    return media_type.strip().lower(), charset
