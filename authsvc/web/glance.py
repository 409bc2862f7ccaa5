"""A look at bytes that have come on a connection: enough to refuse a request, and cheaper than to read it."""

import re
from typing import NamedTuple

MAX_BYTES = 8_192
_DIGITS = 4
_LENGTH = b"\r\ncontent-length: "
_FORM = b"\r\ncontent-type: application/x-www-form-urlencoded"
_LEAVE = re.compile(rb"transfer-encoding|\r\n(?:expect|upgrade|connection(?!: keep-alive\r))")
"""What says more of the request's end, or of the connection's, than its length."""
_LINE_END = b" HTTP/1.1\r\n"


class Post(NamedTuple):
    """A whole POST of a form."""

    path: bytes
    body: bytes


def whole_post(data: bytes) -> Post | None:
    """Return the one POST of a form that these bytes are, from its first to its last; None for anything else.

    None too for all that could be read in two ways, or asks for more than an answer: that is read with care, or not.
    """
    line_end = data.find(b"\r\n")
    head_end = data.find(b"\r\n\r\n")
    if (
        len(data) > MAX_BYTES
        or head_end < 0
        or not data.startswith(b"POST /")
        or data[line_end - 9 : line_end + 2] != _LINE_END
        or data.count(b"\n", 0, head_end) != data.count(b"\r\n", 0, head_end)
    ):
        return None
    head = data[line_end:head_end].lower() + b"\r\n"
    at = head.find(_LENGTH)
    if at < 0 or head.count(b"content-length") > 1 or _FORM not in head or _LEAVE.search(head):
        return None
    length = head[at + len(_LENGTH) : head.find(b"\r\n", at + len(_LENGTH))]
    if not length.isdigit() or len(length) > _DIGITS or head_end + 4 + int(length) != len(data):
        return None
    return Post(data[5 : line_end - 9].partition(b"?")[0], data[head_end + 4 :])
