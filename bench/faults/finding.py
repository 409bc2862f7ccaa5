"""What a fault script found: one sentence, what was measured, what must be, and whether that holds."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of docs/reliability.md. What is `timed` depends on the machine, and no test asserts it."""

    what: str
    measured: str
    must: str
    holds: bool
    timed: bool = False


def none_of(what: str, found: int, among: int, examples: list[str] | None = None) -> Finding:
    """A promise about things that must not happen; the first few that did are told."""
    told = f": {'; '.join(examples[:3])}" if found and examples else ""
    return Finding(what, f"{found} of {among:,}{told}", "0", found == 0 and among > 0)


def hardly_any(what: str, found: int, among: int) -> Finding:
    """A promise that a busy machine may break now and then (503): told to the last; tests bear 5 %."""
    return Finding(what, f"{found} of {among:,}", "0", found == 0 and among > 0, timed=0 < found * 20 < among)


def within(what: str, seconds: float, limit: float) -> Finding:
    """A promise about a duration."""
    return Finding(what, f"{seconds:.2f} s", f"<= {limit:g} s", seconds <= limit, timed=True)


def say(line: str) -> None:
    """One line of progress."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def broken(findings: list[Finding]) -> list[Finding]:
    """What a test may not find: promises that do not hold, but for durations; or nothing at all."""
    if not findings:
        return [Finding("findings", "none", "some", holds=False)]
    return [finding for finding in findings if not finding.holds and not finding.timed]
