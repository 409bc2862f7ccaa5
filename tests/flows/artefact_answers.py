"""The answers by which a place shows that it took an artefact (artefact_places.py)."""

from collections.abc import Callable

import httpx


def is_on(answer: httpx.Response) -> bool:
    return answer.status_code == 303


def is_good(answer: httpx.Response) -> bool:
    return answer.is_success


def is_refused_for(error: str) -> Callable[[httpx.Response], bool]:
    """Authenticated, but refused for the next reason."""
    return lambda answer: answer.is_success or answer.json()["error"] == error


def is_active(answer: httpx.Response) -> bool:
    return answer.is_success and answer.content != b'{"active":false}'


def is_unknown(answer: httpx.Response) -> bool:
    """The token was taken; there is no such key."""
    return answer.status_code == 404
