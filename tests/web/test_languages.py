import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from authsvc.web.languages import LANGUAGES, choose_language, translations

AUTHSVC = Path(__file__).parents[2] / "authsvc"
WEB, DOMAIN = AUTHSVC / "web", AUTHSVC / "domain"
TRIMMED = {"trim_blocks": "true", "lstrip_blocks": "true"}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None}
CODES = [code for code in LANGUAGES if code != "en"]


def catalogue(code: str) -> Catalog:
    return read_po(BytesIO((WEB / "locales" / f"{code}.po").read_bytes()), locale=code)


@pytest.fixture(scope="module")
def said() -> set[str | tuple[str, ...]]:
    """Everything that pages and letters say to people."""
    found = extract_from_dir(
        WEB, [("templates/**.html", "jinja2"), ("**.py", "python")], {"templates/**.html": TRIMMED}, keywords=KEYWORDS
    )
    letters = extract_from_dir(DOMAIN, [("**.py", "python")], keywords=KEYWORDS)
    return {message if isinstance(message, str) else tuple(message) for _, _, message, *_ in (*found, *letters)}


@pytest.mark.parametrize("code", CODES)
def test_every_text_is_translated_and_none_is_left_over(code, said):
    """`make locales` gathers new ones."""
    known = {message.id for message in catalogue(code) if message.id}
    assert known == said


@pytest.mark.parametrize("code", CODES)
def test_every_translation_is_there_with_the_same_placeholders(code):
    for message in catalogue(code):
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert all(strings), message.id
        assert not message.fuzzy
        wanted = set(re.findall(r"%\(\w+\)s", ids[-1]))
        for text in strings:
            assert set(re.findall(r"%\(\w+\)s", text)) >= wanted - {"%(num)s"}, text
            assert set(re.findall(r"%\(\w+\)s", text)) <= wanted, text
            assert "<" not in text, "markup is the templates' own"


@pytest.mark.parametrize("code", CODES)
def test_each_language_has_its_own_plural_forms(code):
    assert catalogue(code).num_plurals == {"ar": 6, "ja": 1}.get(code, catalogue(code).num_plurals)
    assert len(translations(code).gettext("Something went wrong")) > 3
    assert translations(code).gettext("Something went wrong") != "Something went wrong"


@pytest.mark.parametrize(
    ("ui_locales", "accept_language", "expected"),
    [
        pytest.param("", "", "en", id="nothing asked"),
        pytest.param("", "de", "de", id="the browser's"),
        pytest.param("", "de-AT,de;q=0.9,en;q=0.5", "de", id="a country's"),
        pytest.param("", "nl,fr;q=0.8,de;q=0.9", "de", id="the best that we have"),
        pytest.param("", "en;q=0.2, JA ;q=0.7", "ja", id="any case"),
        pytest.param("", "de;q=0,en", "en", id="one that is not wanted"),
        pytest.param("", "de;q=nan,fr;q=1e9,es;q=-1,ar", "ar", id="weights that are none"),
        pytest.param("fr-CA fr en", "de", "fr", id="the client's comes first"),
        pytest.param("nl xx", "de", "de", id="the client's is unknown"),
        pytest.param('"><script> ../../etc/passwd', "../en,%00", "en", id="nonsense"),
        pytest.param("x " * 5_000 + "de", "y," * 5_000 + "de", "en", id="too many"),
    ],
)
def test_the_language_is_the_clients_wish_then_the_browsers(ui_locales, accept_language, expected):
    assert choose_language(ui_locales, accept_language).code == expected


def test_arabic_is_written_from_right_to_left():
    assert LANGUAGES["ar"].direction == "rtl"
    assert {language.direction for code, language in LANGUAGES.items() if code != "ar"} == {"ltr"}
