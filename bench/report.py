"""docs/benchmarks.md out of the latest figures of every comparison, which lie as JSON in bench/figures/."""

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import rounds
from bench.servers import environment_text

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "figures"
DOCUMENT = ROOT / "docs" / "benchmarks.md"

HEAD = """# Benchmarks

Written by `make bench`; do not edit. Absolute rates say little about another machine, so every comparison is a
ratio of two things measured here in turn.

Method: the server has one core of its own (the last one), the load comes from the others by `wrk` with
keep-alive connections; both sides are warmed up, then take turns (A B A B ...); the ratio is that of the
medians, and the ratio of each round stands below. A round with a single error answer gives no figure.
What differs from this is said in the line.

Machine: {machine}. {versions}.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one comparison and how they were made."""

    name: str
    command: str
    plan: rounds.Plan
    ended_at: str
    commit: str
    figures: tuple[rounds.Figure, ...]


def save(name: str, command: str, plan: rounds.Plan, figures: list[rounds.Figure]) -> None:
    """Keep the latest figures of a comparison."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    run = Run(name, command, plan, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), _commit(), tuple(figures))
    (RESULTS / f"{name}.json").write_text(json.dumps(asdict(run), indent=1))


def write(names: list[str]) -> None:
    """The document, from whatever has been measured so far, in this order."""
    runs = [_loaded(path) for path in (RESULTS / f"{name}.json" for name in names) if path.exists()]
    lines = [HEAD.format(machine=_machine(), versions=environment_text())]
    lines += ["| what | authsvc | peer | figure | must | aim | verdict |", "|---|---|---|---|---|---|---|"]
    lines += [row(figure) for run in runs for figure in run.figures]
    missing = [name for name in names if not (RESULTS / f"{name}.json").exists()]
    if missing:
        lines += ["", f"Not measured yet: {', '.join(missing)}."]
    lines += ["", "## How each was measured"]
    for run in runs:
        lines += ["", f"### {run.name}", ""]
        lines.append(
            f"`{run.command}` at {run.commit}, {run.ended_at}; {run.plan.rounds} rounds of {run.plan.seconds:g} s."
        )
        for figure in run.figures:
            lines += details(figure)
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text("\n".join(lines) + "\n")


def row(figure: rounds.Figure) -> str:
    """One line of the table."""
    must = _limit(figure, figure.must) if figure.must is not None else "-"
    measured = f"{figure.ours} | {figure.theirs} | **{_number(figure)}**"
    return f"| {figure.what} | {measured} | {must} | {_limit(figure, figure.aim)} | {verdict(figure)} |"


def verdict(figure: rounds.Figure) -> str:
    """In words whether the figure reaches its limits, and by how much it falls short."""
    if figure.reaches(figure.aim):
        return "reaches its aim"
    short = abs(figure.value - figure.aim) / figure.aim
    if figure.must is None:
        return f"misses its aim by {short:.0%}"
    if figure.reaches(figure.must):
        return f"does what it must, misses its aim by {short:.0%}"
    return f"**fails what it must** by {abs(figure.value - figure.must) / figure.must:.0%}"


def details(figure: rounds.Figure) -> list[str]:
    """The rounds and the notes below the table."""
    digits = 2 if figure.unit in {"x", "s"} else 0
    each = ", ".join(f"{value:.{digits}f}" for value in figure.per_round)
    return [
        f"- {figure.what}: {verdict(figure)}. Each round: {each}.",
        *(f"  - {note}" for note in figure.notes),
    ]


def _number(figure: rounds.Figure) -> str:
    return (
        f"{figure.value:.2f}x"
        if figure.unit == "x"
        else f"{figure.value:,.{2 if figure.unit == 's' else 0}f} {figure.unit}"
    )


def _limit(figure: rounds.Figure, limit: float) -> str:
    sign = "<=" if figure.at_most else ">="
    return f"{sign} {limit:g}{'x' if figure.unit == 'x' else ' ' + figure.unit}"


def _loaded(path: Path) -> Run:
    found = json.loads(path.read_text())
    figures = tuple(
        rounds.Figure(**{**figure, "per_round": tuple(figure["per_round"]), "notes": tuple(figure["notes"])})
        for figure in found["figures"]
    )
    return Run(**{**found, "plan": rounds.Plan(**found["plan"]), "figures": figures})


def _machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{os.cpu_count()} cores, {models[0] if models else os.uname().machine}"


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return found.stdout.strip() or "an unknown commit"
