import base64
import hashlib
import json
from pathlib import Path

import pytest

from authsvc.crypto import pkce

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "jose.json").read_text())["pkce"]
VERIFIER, CHALLENGE = VECTORS[0]["verifier"], VECTORS[0]["challenge"]
# Of a verifier of each length, taken from another implementation of SHA-256.
SHORTEST, LONGEST = "a" * 43, "~" * 128


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["source"]) for v in VECTORS])
def test_the_verifier_of_the_specification_answers_its_challenge(vector):
    assert pkce.is_challenge(vector["challenge"])
    assert pkce.answers(vector["verifier"], vector["challenge"])


@pytest.mark.parametrize(
    ("verifier", "challenge"),
    [
        pytest.param(SHORTEST, "ZtNPunH49FD35FWYhT5Tv8I7vRKQJ8uxMaL0_9eHjNA", id="43_characters"),
        pytest.param(LONGEST, "zNhOm5Jyonenca7bQzzpjUpwFDVrfhrbbOGCqgWA6HU", id="128_characters"),
    ],
)
def test_verifiers_of_every_allowed_length_answer(verifier, challenge):
    assert pkce.answers(verifier, challenge)


@pytest.mark.parametrize(
    ("verifier", "challenge"),
    [
        pytest.param(CHALLENGE, CHALLENGE, id="plain"),
        pytest.param("", CHALLENGE, id="nothing"),
        pytest.param(VERIFIER, "", id="no_challenge"),
        pytest.param(VERIFIER + "a", CHALLENGE, id="one_more"),
        pytest.param(VERIFIER.swapcase(), CHALLENGE, id="other_case"),
        pytest.param(VERIFIER, CHALLENGE + "=", id="padded_challenge"),
        pytest.param(VERIFIER, CHALLENGE[:-1], id="shorter_challenge"),
        pytest.param(VERIFIER, CHALLENGE.swapcase(), id="challenge_in_other_case"),
        pytest.param(VERIFIER, "é" * 43, id="challenge_not_ascii"),
    ],
)
def test_what_does_not_hash_to_the_challenge_is_no_answer(verifier, challenge):
    assert not pkce.answers(verifier, challenge)


@pytest.mark.parametrize(
    "verifier",
    [
        pytest.param("a" * 42, id="short"),
        pytest.param("a" * 129, id="long"),
        pytest.param("a" * 43 + "\n", id="line_end"),
        pytest.param("a" * 42 + " ", id="space"),
        pytest.param("a" * 42 + "+", id="plus"),
        pytest.param("a" * 42 + "é", id="not_ascii"),
        pytest.param("a" * 42 + "\ud800", id="surrogate"),
    ],
)
def test_a_text_outside_the_grammar_answers_not_even_its_own_hash(verifier):
    octets = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    own = base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    assert pkce.is_challenge(own)
    assert not pkce.answers(verifier, own)


@pytest.mark.parametrize("text", ["", CHALLENGE + "=", CHALLENGE[:-1], CHALLENGE + "a", CHALLENGE[:-1] + "~", "é" * 43])
def test_other_texts_are_no_challenge(text):
    assert not pkce.is_challenge(text)
    assert not pkce.is_challenge(CHALLENGE + "\n")
