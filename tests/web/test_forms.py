"""Strict forms and JSON: what is read is what was meant, or it is refused (THREATS F15)."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.protocol.errors import InvalidRequest
from authsvc.web.body import clean_json
from authsvc.web.forms import check_text, json_fields, parse_form, parse_json, single_values

CLEAN = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40
).filter(lambda text: not any("\x7f" <= letter <= "\x9f" for letter in text))  # fmt: skip
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(st.dictionaries(NAMES, CLEAN, max_size=20))
def test_a_form_is_read_as_it_was_written(fields):
    assert parse_form(urlencode(fields).encode()) == {name: (value,) for name, value in fields.items()}


@given(st.dictionaries(NAMES, CLEAN, max_size=20), st.booleans())
def test_json_is_read_as_it_was_written(fields, ascii_only):
    body = json.dumps(fields, ensure_ascii=ascii_only).encode()
    assert json_fields(body) == {name: (value,) for name, value in fields.items()}


@given(st.binary(max_size=200))
def test_any_octets_are_fields_or_refused(body):
    for read in (parse_form, json_fields):
        try:
            fields = read(body)
        except InvalidRequest:
            continue
        for name, values in fields.items():
            assert values
            assert all(check_text(text) == text for text in (name, *values))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_an_object_or_refused(value):
    headers = {b"content-type": b"application/json"}
    try:
        cleaned = clean_json(json.dumps(value).encode(), headers)
    except InvalidRequest:
        return
    assert isinstance(json.loads(cleaned), dict)


@pytest.mark.parametrize("depth", [20, 900, 5_000, 30_000])
def test_deep_json_is_refused_and_no_fault(depth):
    headers = {b"content-type": b"application/json"}
    for open_, close in ((b"[", b"]"), (b'{"a":', b"}")):
        with pytest.raises(InvalidRequest):
            clean_json(b'{"a":' + open_ * depth + b"1" + close * depth + b"}", headers)


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "\x7f", "\x85", "\ud800", "a\udfffb", "\r", "\t", "\x1b[2J"])
def test_control_characters_and_half_pairs_are_refused(text):
    with pytest.raises(InvalidRequest):
        check_text(text)


def test_a_repeated_name_is_refused_unless_it_may_repeat():
    fields = parse_form(b"resource=a&resource=b&scope=x")
    assert single_values(fields, frozenset({"resource"})) == {"scope": "x"}
    with pytest.raises(InvalidRequest):
        single_values(fields, frozenset())


def test_a_refusal_does_not_quote_the_input():
    with pytest.raises(InvalidRequest) as refused:
        single_values(parse_form(b"hunter2=1&hunter2=2"), frozenset())
    assert "hunter2" not in refused.value.description
    with pytest.raises(InvalidRequest) as refused:
        parse_json(b'{"password": hunter2}')
    assert "hunter2" not in refused.value.description
