from datetime import UTC, datetime

import pytest

from authsvc.web.dates import in_language
from authsvc.web.device_words import Device, device_of
from authsvc.web.languages import LANGUAGES

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (f"{MAC} Chrome/130.0.0.0 Safari/537.36", Device("Chrome", "macOS")),
        (f"{WINDOWS} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", Device("Edge", "Windows")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Device("Firefox", "Linux")),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", Device("Safari", "iPad")),
        (
            "Mozilla/5.0 (Linux; Android 15) SamsungBrowser/26.0 Chrome/122.0 Mobile",
            Device("Samsung Internet", "Android"),
        ),
        ("curl/8.5.0", Device("curl", "")),
        ("", Device("", "")),
        ("<script>", Device("", "")),
    ],
)
def test_a_browser_is_told_in_words_that_its_owner_knows(user_agent, expected):
    assert device_of(user_agent) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_instant_is_written_in_each_language(language):
    words = in_language(datetime(2026, 11, 28, 15, 4, 5, tzinfo=UTC), language)
    assert "2026" in words
    assert words.endswith("UTC")
    assert "05" not in words.replace("2026", "")
