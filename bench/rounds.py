"""Alternating rounds A B A B ..., their medians, and the figure that comes out."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

QUIET_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long; the warm-up is not counted."""

    rounds: int = 5
    seconds: float = 5.0
    warm_up_seconds: float = 12.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one side.

    `per_cpu_second` is the same work per second of processor time that the side's own processes used,
    which other programs on the machine hardly disturb; `foreign_share` is what those took of the core.
    """

    value: float
    per_cpu_second: float | None = None
    foreign_share: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `value` is judged against `must` and `aim`, from above when `at_most`."""

    what: str
    ours: str
    theirs: str
    value: float
    aim: float
    unit: str = "x"
    must: float | None = None
    at_most: bool = False
    per_round: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    def reaches(self, limit: float) -> bool:
        """Whether the value is on the right side of the limit."""
        return self.value <= limit if self.at_most else self.value >= limit


@dataclass(frozen=True, slots=True)
class Judged:
    """What a ratio is about, the unit of its two sides, and its limits."""

    what: str
    unit: str
    aim: float
    must: float | None = None
    at_most: bool = False


def alternate(
    plan: Plan, ours: Callable[[], Sample], theirs: Callable[[], Sample]
) -> tuple[list[Sample], list[Sample]]:
    """Every round of both sides in turn, with a line of progress for each."""
    mine: list[Sample] = []
    peers: list[Sample] = []
    for number in range(1, plan.rounds + 1):
        mine.append(ours())
        peers.append(theirs())
        say(
            f"  round {number}: {mine[-1].value:,.1f} : {peers[-1].value:,.1f} = {mine[-1].value / peers[-1].value:.3f}"
        )
    return mine, peers


def median(samples: list[Sample]) -> float:
    """The median value."""
    return statistics.median(sample.value for sample in samples)


def ratio(judged: Judged, mine: list[Sample], peers: list[Sample]) -> Figure:
    """The ratio of the medians."""
    ours, theirs = median(mine), median(peers)
    digits = ",.2f" if ours < 100 and theirs < 100 else ",.0f"  # noqa: PLR2004
    return Figure(
        what=judged.what,
        ours=f"{ours:{digits}} {judged.unit.partition(' : ')[0]}",
        theirs=f"{theirs:{digits}} {judged.unit.rpartition(' : ')[2]}",
        value=ours / theirs,
        aim=judged.aim,
        must=judged.must,
        at_most=judged.at_most,
        per_round=tuple(a.value / b.value for a, b in zip(mine, peers, strict=True)),
    )


def median_p50(samples: list[Sample]) -> float:
    """The median of the rounds' median latencies, in milliseconds."""
    return statistics.median(sample.p50_ms or 0 for sample in samples)


def ratio_notes(mine: list[Sample], peers: list[Sample]) -> tuple[str, ...]:
    """Beside a ratio of rates: latencies, the ratio per processor second, how quiet the machine was."""
    notes: list[str] = []
    if all(sample.p50_ms is not None for sample in [*mine, *peers]):
        ours, theirs = (
            f"p50 {median_p50(side):.2f} ms, p99 {statistics.median(s.p99_ms or 0 for s in side):.2f} ms"
            for side in (mine, peers)
        )
        notes.append(f"latency: ours {ours}; theirs {theirs}")
    own = [sample.per_cpu_second for sample in mine if sample.per_cpu_second is not None]
    other = [sample.per_cpu_second for sample in peers if sample.per_cpu_second is not None]
    if own and other:
        per_cpu = statistics.median(own) / statistics.median(other)
        notes.append(
            f"per second of processor time: {statistics.median(own):,.0f} : {statistics.median(other):,.0f}"
            f" = {per_cpu:.2f} (other programs hardly disturb this one)"
        )
    shares = [sample.foreign_share for sample in [*mine, *peers] if sample.foreign_share is not None]
    if shares:
        worst = max(shares)
        quiet = "" if worst <= QUIET_SHARE else ": the machine was not quiet, so the rates say little"
        notes.append(
            f"other programs took {statistics.median(shares):.0%} of the server's core"
            f" (in the worst round {worst:.0%}){quiet}"
        )
    return tuple(notes)


def say(line: str) -> None:
    """One line of progress."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
