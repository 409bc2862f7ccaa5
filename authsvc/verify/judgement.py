"""What every verifier is, and the two ways of waiting for what a judgement needs: in a thread, or on an event loop."""

import asyncio
from collections.abc import Generator
from concurrent.futures import Future, wait
from typing import Protocol

from authsvc.verify.access_token import AccessToken

MAX_LEEWAY_SECONDS = 300

Steps = Generator[Future[None], None, AccessToken]
"""A judgement that yields what it must wait for, so that both ways of waiting share it."""


class Verifier(Protocol):
    """Judges access tokens: by the issuer's keys (TokenVerifier), or by asking it (IntrospectionVerifier)."""

    def verify(self, token: str) -> AccessToken:
        """Return what the token says, if it is good. Raises: TokenRejected (401), KeysUnavailable (503)."""
        ...

    async def verify_async(self, token: str) -> AccessToken:
        """Do as `verify` does, but let the event loop run meanwhile."""
        ...


def block(steps: Steps, wait_seconds: float) -> AccessToken:
    """Return the verdict; the calling thread waits. Each step is given up after `wait_seconds`."""
    while True:
        try:
            pending = next(steps)
        except StopIteration as end:
            return _verdict(end)
        wait((pending,), wait_seconds)


async def let_run(steps: Steps, wait_seconds: float) -> AccessToken:
    """Return the verdict; the event loop runs meanwhile."""
    while True:
        try:
            pending = next(steps)
        except StopIteration as end:
            return _verdict(end)
        await asyncio.wait((asyncio.wrap_future(pending),), timeout=wait_seconds)


def check_leeway(leeway_seconds: float) -> None:
    """Raise ValueError unless the leeway is one of clocks: more would be a longer life for every token."""
    if not 0 <= leeway_seconds <= MAX_LEEWAY_SECONDS:
        raise ValueError(f"leeway_seconds must be 0 to {MAX_LEEWAY_SECONDS}")


def _verdict(end: StopIteration) -> AccessToken:
    accepted: AccessToken = end.value
    return accepted
