"""A tenant's colours, made readable: text on them, and whether they may be text themselves."""

LIGHT_GROUNDS = ("#ffffff", "#f5f5f1")
DARK_GROUNDS = ("#1d2024", "#131518")
TEXT_CONTRAST = 4.5
"""WCAG 2.2 §1.4.3."""


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours spelled #rrggbb, 1 to 21. Source: WCAG 2.2, contrast ratio."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(colour: str) -> str:
    """Return black or white, whichever reads better on the colour: one of them always does."""
    return max("#ffffff", "#000000", key=lambda text: contrast(text, colour))


def may_be_text(colour: str, grounds: tuple[str, ...]) -> bool:
    """Whether text of this colour can be read on all these grounds."""
    return all(contrast(colour, ground) >= TEXT_CONTRAST for ground in grounds)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
