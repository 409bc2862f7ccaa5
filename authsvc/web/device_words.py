"""What a browser's User-Agent says of it, in words that its owner knows; a guess, and shown as nothing more."""

from dataclasses import dataclass

_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chromium"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"),
)  # fmt: skip
"""In this order: most browsers also name those that they resemble."""
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Device:
    """A browser and what it runs on; "" where that is not known."""

    browser: str
    system: str


def device_of(user_agent: str) -> Device:
    """Return the device of this User-Agent."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    return Device(browser, next((name for sign, name in _SYSTEMS if sign in user_agent), ""))
