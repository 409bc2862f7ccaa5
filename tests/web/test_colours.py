import re

import pytest

from authsvc.web.colours import DARK_GROUNDS, LIGHT_GROUNDS, contrast, may_be_text, text_on
from authsvc.web.page import environment

TEXTS = ("--text", "--quiet", "--link", "--bad", "--good")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("#000000", "#ffffff", 21.0, id="black on white"),
        pytest.param("#ffffff", "#ffffff", 1.0, id="the same"),
        pytest.param("#777777", "#ffffff", 4.48, id="the grey that just fails"),
    ],
)
def test_contrast_is_that_of_wcag(first, second, expected):
    assert contrast(first, second) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#777777", "#ff0000", "#00ff00", "#0000ff", "#ffdd00"])
def test_text_on_any_colour_can_be_read(colour):
    assert contrast(text_on(colour), colour) >= 4.5


def test_a_colour_is_text_only_where_it_can_be_read():
    assert may_be_text("#1c5b8f", LIGHT_GROUNDS)
    assert not may_be_text("#1c5b8f", DARK_GROUNDS)
    assert not may_be_text("#ffdd00", LIGHT_GROUNDS)


@pytest.mark.parametrize(("theme", "known"), [(0, LIGHT_GROUNDS), (1, DARK_GROUNDS)], ids=["light", "dark"])
def test_every_colour_of_the_stylesheet_stands_out(theme, known):
    css = environment("en").get_template("style.css").render()
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", block))
    assert {colours["--card"], colours["--ground"]} == set(known)
    for text in TEXTS:
        for ground in ("--ground", "--card"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["--bad"], colours["--bad-ground"]) >= 4.5
    assert contrast(colours["--text"], colours["--good-ground"]) >= 4.5
    assert contrast(colours["--on-accent"], colours["--accent"]) >= 4.5
    assert contrast(colours["--edge"], colours["--card"]) >= 3, "WCAG 2.2 §1.4.11: the borders of fields"
