"""The languages of the pages: which one a person reads, and its words (gettext catalogues in web/locales).

Catalogues are read from their .po files at first need, so that there is nothing to compile, in a wheel or a checkout.
"""

from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from authsvc.domain.mail.letters import Wording

DEFAULT = "en"
_MAX_RANGES = 32


@dataclass(frozen=True, slots=True)
class Language:
    """One language, as HTML names it, and the direction it is written in."""

    code: str
    direction: str = "ltr"


LANGUAGES = {
    language.code: language
    for language in (
        Language("en"), Language("de"), Language("fr"), Language("es"), Language("ar", "rtl"), Language("ja"),
    )
}  # fmt: skip


LANGUAGE_NAMES = {
    "en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ar": "العربية", "ja": "日本語",
}  # fmt: skip
"""Each in itself, as its readers look for it."""


def mark(text: str) -> str:
    """Mark a text for translation where it stands; it is translated where it is shown."""
    return text


def choose_language(ui_locales: str, accept_language: str) -> Language:
    """Return the first language we have of those that the client, else the browser, asks for.

    Unknown and malformed ones are passed over. Source: OpenID Connect Core §3.1.2.1, RFC 9110 §12.5.4.
    """
    wanted = [*ui_locales.split(" ")[:_MAX_RANGES], *_by_preference(accept_language)]
    for tag in wanted:
        language = LANGUAGES.get(tag.partition("-")[0].strip().lower())
        if language is not None:
            return language
    return LANGUAGES[DEFAULT]


def wording(own: str, accept_language: str) -> Wording:
    """Return the words of a letter: in the reader's own language if we have it, else in one of the browser's."""
    language = choose_language(own, accept_language)
    return Wording(language.code, language.direction, translations(language.code).gettext)


@lru_cache
def translations(code: str) -> NullTranslations:
    """Return the words of a language; those of English stand in the templates."""
    if code == DEFAULT:
        return NullTranslations()
    with files("authsvc.web").joinpath("locales", f"{code}.po").open("rb") as source:
        catalogue = read_po(source, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def _by_preference(accept_language: str) -> list[str]:
    ranges = []
    for position, item in enumerate(accept_language.split(",")[:_MAX_RANGES]):
        tag, _, parameter = item.partition(";")
        quality = _quality(parameter.strip())
        if quality > 0:
            ranges.append((-quality, position, tag.strip()))
    return [tag for _, _, tag in sorted(ranges)]


def _quality(parameter: str) -> float:
    """Return the weight; one that is none is that of an unwanted language."""
    if not parameter:
        return 1.0
    name, _, value = parameter.partition("=")
    is_weight = name.strip().lower() == "q" and value.replace(".", "", 1).isdecimal() and value.isascii()
    return float(value) if is_weight and len(value) <= len("0.123") else 0.0
