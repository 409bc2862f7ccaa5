import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.crypto.strict_json import parse_object, parse_texts


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[]", id="list"),
        pytest.param('"a"', id="text"),
        pytest.param("", id="nothing"),
        pytest.param("{} {}", id="two_objects"),
        pytest.param('{"a":1,"a":1}', id="duplicate_member"),
        pytest.param('{"b":{"a":1,"a":2}}', id="nested_duplicate_member"),
        pytest.param('{"b":[{"a":1,"\\u0061":2}]}', id="duplicate_by_escape"),
        pytest.param('{"a":NaN}', id="nan"),
        pytest.param('{"a":-Infinity}', id="infinity"),
        pytest.param('{"a":1e400}', id="overflow"),
        pytest.param('{"a":' + "1" * 19 + "}", id="huge_integer"),
        pytest.param('{"a":' + "1" * 9999 + "}", id="integer_too_long_for_python"),
        pytest.param('{"a":"\\u0000"}', id="nul"),
        pytest.param('{"a":["x",{"b":"\\udc00"}]}', id="lone_surrogate"),
        pytest.param('{"\\ud800":1}', id="lone_surrogate_as_a_name"),
        pytest.param('{"a":' + "[" * 100_000, id="deep"),
        pytest.param('{"a":' * 5000 + "1" + "}" * 5000, id="deep_objects"),
        pytest.param("\ufeff{}", id="byte_order_mark"),
    ],
)
def test_what_two_parsers_may_read_differently_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the parser's
        parse_object(text.encode("utf-8"))


@pytest.mark.parametrize("octets", [b"\xff", b'{"a":"\xed\xa0\x80"}', '{"a":1}'.encode("utf-16")])
def test_what_is_not_utf_8_is_refused(octets):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the parser's
        parse_object(octets)


def test_an_escaped_pair_of_surrogates_is_one_character():
    assert parse_object(b'{"a":"\\ud83d\\ude00","b":"\\\\u0000"}') == {"a": "\U0001f600", "b": "\\u0000"}


@given(st.dictionaries(st.text(), st.integers(-(10**17), 10**17) | st.text() | st.floats(allow_nan=False)))
def test_ordinary_objects_are_read_as_they_were_written(value):
    if any("\x00" in text for text in [*value, *value.values()] if isinstance(text, str)):
        return
    if any(isinstance(number, float) and abs(number) == float("inf") for number in value.values()):
        return
    assert parse_object(json.dumps(value).encode()) == value


def test_an_array_of_texts_is_read_as_strictly():
    assert parse_texts('["a","é"]'.encode()) == ["a", "é"]
    for text in ("{}", '"a"', "[1]", "[null]", '[["a"]]', '["a"', '["\\u0000"]', "[" * 100_000):
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the parser's
            parse_texts(text.encode())
