import hashlib
import json
from collections.abc import Sequence

import pytest

from authsvc.crypto import jwk
from authsvc.domain.documents import Document, FetchBusy, FetchFailed
from authsvc.protocol.stranger_keys import find_keys

URL = "https://host.example/jwks"
ES256 = frozenset({"ES256"})
OLD, NEW = (dict(jwk.load_signing_key("ES256", jwk.generate("ES256")).public) for _ in range(2))


def a_set(*keys: object) -> str:
    return json.dumps({"keys": keys})


class Shelf:
    """A Fetcher over given texts: each renewal takes the next. Notes what was asked."""

    def __init__(self, *texts: str | Exception) -> None:
        self._texts = list(texts)
        self.asked: list[bool] = []

    def fetch(self, url: str, *, renewed: bool = False) -> Document:
        assert url == URL
        self.asked.append(renewed)
        if renewed and len(self._texts) > 1:
            self._texts.pop(0)
        text = self._texts[0]
        if isinstance(text, Exception):
            raise text
        return Document(text.encode(), hashlib.sha256(text.encode()).hexdigest())

    def fetch_anew(self, url: str) -> Document:
        raise AssertionError(url)


def kids(keys: Sequence[jwk.VerificationKey]) -> list[str | None]:
    return [key.kid for key in keys]


def test_registered_keys_ask_nobody():
    shelf = Shelf()
    assert kids(find_keys(a_set(OLD, NEW), None, ES256, "else", shelf)) == [OLD["kid"], NEW["kid"]]
    assert shelf.asked == []


@pytest.mark.parametrize("kid", [None, OLD["kid"]], ids=["any", "known"])
def test_a_set_with_the_key_is_not_renewed(kid: str | None):
    shelf = Shelf(a_set(OLD), a_set(NEW))
    assert kids(find_keys(None, URL, ES256, kid, shelf)) == [OLD["kid"]]
    assert shelf.asked == [False]


def test_a_key_that_is_missing_is_looked_for_in_a_newer_set():
    shelf = Shelf(a_set(OLD), a_set(NEW))
    assert kids(find_keys(None, URL, ES256, NEW["kid"], shelf)) == [NEW["kid"]]
    assert shelf.asked == [False, True]


def test_a_key_that_stays_missing_is_asked_for_once():
    shelf = Shelf(a_set(OLD))
    assert kids(find_keys(None, URL, ES256, NEW["kid"], shelf)) == [OLD["kid"]]
    assert shelf.asked == [False, True]


def test_only_keys_of_the_algorithms_are_found():
    assert find_keys(a_set(OLD), None, frozenset({"RS256"}), None, Shelf()) == ()


def test_a_state_of_a_set_is_loaded_once():
    text = a_set(OLD)
    for jwks, jwks_uri in ((text, None), (None, URL)):
        first = find_keys(jwks, jwks_uri, ES256, None, Shelf(text))
        assert find_keys(jwks, jwks_uri, ES256, None, Shelf(text)) is first
        assert find_keys(jwks, jwks_uri, frozenset({"RS256"}), None, Shelf(text)) == ()


def test_another_state_is_another_set():
    assert kids(find_keys(None, URL, ES256, None, Shelf(a_set(OLD)))) == [OLD["kid"]]
    assert kids(find_keys(None, URL, ES256, None, Shelf(a_set(NEW)))) == [NEW["kid"]]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys":{}}', "<html>", '{"keys":[],"keys":[]}'])
def test_what_is_no_key_set_is_a_failed_fetch(text: str):
    with pytest.raises(FetchFailed):
        find_keys(None, URL, ES256, None, Shelf(text))


@pytest.mark.parametrize("fault", [FetchFailed("away"), FetchBusy("full")])
def test_faults_of_the_way_pass_on(fault: Exception):
    for shelf in (Shelf(fault), Shelf(a_set(OLD), fault)):
        with pytest.raises(type(fault)):
            find_keys(None, URL, ES256, NEW["kid"], shelf)


def test_a_source_without_keys_gives_none():
    assert find_keys(None, None, ES256, None, Shelf()) == ()
