"""What is refused at a glance is one whole form, from the first byte to the last, in any reading; else it is read."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.web.glance import MAX_BYTES, Post, whole_post

BODY = b"grant_type=refresh_token"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
TYPE = b"Content-Type: application/x-www-form-urlencoded\r\n"
LINE = b"POST /token HTTP/1.1\r\nHost: localhost\r\n"


def sent(*headers: bytes, line: bytes = LINE, body: bytes = BODY) -> bytes:
    return line + b"".join(headers) + b"\r\n" + body


@pytest.mark.parametrize(
    "data",
    [
        sent(TYPE, LENGTH),
        sent(LENGTH.upper(), TYPE.lower()),
        sent(TYPE.replace(b"encoded", b"encoded; charset=utf-8"), LENGTH),
        sent(TYPE, b"Connection: keep-alive\r\n", LENGTH),
        sent(TYPE, LENGTH, b"Accept: */*\r\n"),
    ],
)
def test_a_whole_form_is_seen(data: bytes):
    assert whole_post(data) == Post(b"/token", BODY)


def test_the_path_ends_before_the_query():
    data = sent(TYPE, LENGTH, line=b"POST /t/acme/token?x=/y HTTP/1.1\r\nHost: localhost\r\n")
    assert whole_post(data) == Post(b"/t/acme/token", BODY)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(sent(TYPE, LENGTH)[:-1], id="not all of the body"),
        pytest.param(sent(TYPE, LENGTH) + b"P", id="the begin of the next"),
        pytest.param(
            sent(TYPE, b"Content-Length: " + b"0" * 5_000 + b"\r\n", body=b""), id="a length of thousands of digits"
        ),
        pytest.param(sent(TYPE, LENGTH)[1:], id="no beginning"),
        pytest.param(b"\r\n" + sent(TYPE, LENGTH), id="an empty line before"),
        pytest.param(sent(TYPE, LENGTH, line=LINE.replace(b"POST", b"GET")), id="another method"),
        pytest.param(sent(TYPE, LENGTH, line=LINE.replace(b"1.1", b"1.0")), id="another version"),
        pytest.param(sent(TYPE, LENGTH, line=LINE.replace(b" /", b" http://localhost/")), id="an absolute target"),
        pytest.param(sent(TYPE), id="no length"),
        pytest.param(sent(TYPE, LENGTH, LENGTH), id="the length twice"),
        pytest.param(sent(TYPE, LENGTH, b"X: content-length\r\n"), id="the length's name twice"),
        pytest.param(sent(TYPE, LENGTH.replace(b": ", b" : ")), id="a space before the colon"),
        pytest.param(sent(TYPE, LENGTH.replace(b": ", b": +")), id="a signed length"),
        pytest.param(sent(TYPE, LENGTH.replace(b"\r\n", b" \r\n")), id="a space after the length"),
        pytest.param(sent(TYPE, b"X: a\n" + LENGTH), id="a line that ends in another way"),
        pytest.param(
            sent(TYPE, LENGTH, b"X: a\nConnection: close\r\n"), id="the last request, in a line of another end"
        ),
        pytest.param(sent(TYPE, b"X: a\r\n " + LENGTH), id="a folded line"),
        pytest.param(sent(TYPE, LENGTH, b"Transfer-Encoding: chunked\r\n"), id="another coding"),
        pytest.param(sent(TYPE, LENGTH, b"Transfer-Encoding : identity\r\n"), id="another coding, oddly"),
        pytest.param(sent(TYPE, LENGTH, b"Connection: close\r\n"), id="the last request"),
        pytest.param(sent(TYPE, LENGTH, b"Connection: keep-alive, close\r\n"), id="the last request, in a list"),
        pytest.param(sent(TYPE, LENGTH, b"Expect: 100-continue\r\n"), id="a question first"),
        pytest.param(sent(TYPE, LENGTH, b"Upgrade: h2c\r\n"), id="another protocol"),
        pytest.param(sent(b"Content-Type: application/json\r\n", LENGTH), id="no form"),
        pytest.param(sent(TYPE, LENGTH, b"X: " + b"a" * MAX_BYTES + b"\r\n"), id="large"),
    ],
)
def test_all_else_is_left_to_be_read(data: bytes):
    assert whole_post(data) is None


class _Messages:
    """What the parser that reads all else makes of the same bytes."""

    def __init__(self, data: bytes) -> None:
        self.ended, self.begun, self.body = 0, 0, b""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1


PIECES = [
    LINE, TYPE, LENGTH, BODY, b"\r\n", b"\n", b"\r", b" ", b":", b"0", b"2", b"4", b"\t", b"\x00", b"\x0b",
    b"POST /token HTTP/1.1\r\n", b"X: y\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
]  # fmt: skip


@given(before=st.lists(st.sampled_from(PIECES), max_size=3), after=st.lists(st.sampled_from(PIECES), max_size=3))
def test_what_is_seen_at_a_glance_is_one_message_to_the_parser_too(before: list[bytes], after: list[bytes]):
    data = LINE + b"".join(before) + TYPE + b"".join(after) + LENGTH + b"\r\n" + BODY
    seen = whole_post(data)
    if seen is not None:
        try:
            read = _Messages(data)
        except httptools.HttpParserError:
            return  # It would be refused either way.
        assert (read.begun, read.ended, read.body) == (1, 1, seen.body)
