"""`python -m bench [NAME ...]`: run the comparisons and write docs/benchmarks.md."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    assertion,
    authorize,
    bare_token,
    crowd,
    enumeration,
    idle,
    introspection,
    jwks,
    login,
    oidc_provider,
    refresh,
    report,
    rounds,
    scale,
    verifier,
)
from bench.processes import CORES, BenchError

COMPARISONS: dict[str, Callable[[rounds.Plan, Path], list[rounds.Figure]]] = {
    module.NAME: module.compare
    for module in (
        oidc_provider,
        assertion,
        authorize,
        bare_token,
        login,
        jwks,
        introspection,
        refresh,
        verifier,
        crowd,
        enumeration,
        idle,
        scale,
    )
}


def main(arguments: list[str]) -> int:
    """Run what is named, or all; a comparison that cannot be made says why, and the others still run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(COMPARISONS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument(
        "--warm-up",
        type=float,
        default=12.0,
        help="seconds before the rounds; node takes ten to reach its speed",
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in COMPARISONS]
    if unknown:
        parser.error(f"no comparison is called {', '.join(unknown)}; there are: {', '.join(COMPARISONS)}")
    if len(CORES) == 1:
        rounds.say("only one core: server and load share it, so the figures say little")
    plan = rounds.Plan(options.rounds, options.seconds, options.warm_up)
    failed = [
        name
        for name in options.names or COMPARISONS
        if not measured(name, plan, " ".join(["python -m bench", *arguments]))
    ]
    report.write(list(COMPARISONS))
    rounds.say(f"written: {report.DOCUMENT}")
    return 1 if failed else 0


def measured(name: str, plan: rounds.Plan, command: str) -> bool:
    """Run one comparison and keep its figures; False when it could not be made."""
    rounds.say(f"{name}:")
    try:
        with tempfile.TemporaryDirectory(prefix=f"authsvc-bench-{name}-") as directory:
            figures = COMPARISONS[name](plan, Path(directory))
    except BenchError as problem:
        rounds.say(f"  not measured: {problem}")
        return False
    report.save(name, command, plan, figures)
    for figure in figures:
        rounds.say(f"  {figure.what}: {figure.value:.2f} {figure.unit}, {report.verdict(figure)}")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
