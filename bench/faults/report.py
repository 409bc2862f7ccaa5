"""docs/reliability.md out of the latest findings of every script, which lie as JSON in figures/."""

import json
import os
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.faults.finding import Finding
from bench.faults.plan import Plan

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "faults" / "figures"
DOCUMENT = ROOT / "docs" / "reliability.md"
HEAD = """# Reliability

Written by `python -m bench.faults`; do not edit. Each script starts real servers (`authsvc serve` with two workers)
on a real database, does harm to them under load, and asks afterwards about everything that was acknowledged.
Short versions of them are tests: `tests/faults/`. Besides: the version before beside the present one is in
docs/upgrades.md; a million users in ten thousand tenants, with the plans of the statements, in docs/benchmarks.md
(`scale`); the fuzzing of parsers and endpoints, and what stands for each fault that is not here, in docs/threats.md.
What is judged of an overload and of the soak: docs/decisions/0015 and 0016.

Machine: {cores} cores, shared by load, servers and database, and with strangers: at times it does half of what it
can (the capacities under `overload` tell). Every chance is drawn from the seed.
"""


def save(name: str, plan: Plan, findings: list[Finding], commit: str) -> None:
    """Keep the latest findings of a script that ran on this commit."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {
        "command": f"python -m bench.faults {name} --times {plan.times} --seconds {plan.seconds:g} --seed {plan.seed}",
        "ended_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit,
        "load": round(os.getloadavg()[0], 1),
        "findings": [asdict(finding) for finding in findings],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1))


def write(names: list[str]) -> None:
    """The document, from whatever has been run so far, in this order."""
    lines = [HEAD.format(cores=os.cpu_count())]
    missing = [name for name in names if not (RESULTS / f"{name}.json").exists()]
    for name in names:
        if name in missing:
            continue
        kept = json.loads((RESULTS / f"{name}.json").read_text())
        load = f", load average {kept['load']} at its end" if "load" in kept else ""
        lines += [f"## {name}", "", f"`{kept['command']}` at {kept['commit']}, {kept['ended_at']}{load}.", ""]
        lines += ["| what | measured | must | |", "|---|---|---|---|"]
        lines += [_row(Finding(**each)) for each in kept["findings"]]
        lines.append("")
    if missing:
        lines += [f"Not run yet: {', '.join(missing)}."]
    DOCUMENT.write_text("\n".join(lines).rstrip() + "\n")


def _row(finding: Finding) -> str:
    measured = finding.measured.replace("|", "\\|").replace("\n", " ")
    return f"| {finding.what} | {measured} | {finding.must} | {'holds' if finding.holds else '**fails**'} |"


def present_commit() -> str:
    """Return the commit whose code runs: to be asked before the script, for others may follow meanwhile."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    return found.stdout.strip() or "an unknown commit"
