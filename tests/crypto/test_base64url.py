import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.crypto import base64url


@given(st.binary())
def test_what_is_encoded_decodes_to_itself(octets):
    assert base64url.decode(base64url.encode(octets)) == octets


@given(st.text(max_size=12))
def test_a_text_decodes_only_if_it_is_the_one_spelling_of_its_octets(text):
    try:
        octets = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(octets) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("AA==", id="padding"),
        pytest.param("AA=", id="half_padding"),
        pytest.param("AB", id="spare_bits"),
        pytest.param("AAB", id="spare_bits_of_three"),
        pytest.param("A", id="impossible_length"),
        pytest.param("AAAA\n", id="line_end"),
        pytest.param(" AAAA", id="space"),
        pytest.param("AA AA", id="space_inside"),
        pytest.param("++//", id="standard_alphabet"),
        pytest.param("AAA*AAA", id="foreign_character"),
        pytest.param("AAAé", id="not_ascii"),
        pytest.param("ＡＡＡＡ", id="full_width"),
        pytest.param("\ud800AAA", id="lone_surrogate"),
        pytest.param("AA\x00AA", id="nul"),
        pytest.param("AAAA=AAA", id="padding_inside"),
    ],
)
def test_another_spelling_is_refused(text):
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(text)
