"""Dates and times as people write them."""

from datetime import datetime

from babel.dates import format_date, format_time


def in_language(at: datetime, language: str) -> str:
    """Return the instant in the words of a language, in UTC, for nobody has told us where they are."""
    return f"{format_date(at, 'medium', locale=language)}, {format_time(at, 'short', locale=language)} UTC"
