"""`python -m bench.faults NAME...` or all of them; `docs/reliability.md` is written anew from all that were run."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from bench import user_import, user_import_http
from bench.faults import (
    canaries,
    clocks,
    hashing,
    kills,
    nodes,
    overload,
    races,
    redis,
    report,
    rotation,
    slow,
    soak,
    sockets,
    stops,
)  # fmt: skip
from bench.faults.finding import say
from bench.faults.plan import Plan

SCRIPTS = {
    script.NAME: script
    for script in (
        kills,
        stops,
        nodes,
        races,
        slow,
        redis,
        clocks,
        rotation,
        canaries,
        sockets,
        hashing,
        overload,
        soak,
        user_import,
        user_import_http,
    )
}


def main(arguments: list[str]) -> int:
    """Run what is named; 1 when a promise does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(SCRIPTS)}")
    parser.add_argument("--times", type=int, help="faults or rounds, instead of the script's own number")
    parser.add_argument("--seconds", type=float, help="at most so long for each part")
    parser.add_argument("--seed", type=int, default=20_261_128)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in SCRIPTS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are: {', '.join(SCRIPTS)}")
    # Whoever is told to end ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    all_hold = True
    for name in options.names or SCRIPTS:
        script, commit = SCRIPTS[name], report.present_commit()
        with tempfile.TemporaryDirectory(prefix=f"authsvc-faults-{name}-") as directory:
            plan = Plan(Path(directory), options.times or script.TIMES, options.seconds or script.SECONDS, options.seed)
            say(f"{name}: seed {plan.seed}, {plan.times} times, at most {plan.seconds:g} s")
            findings = script.run(plan)
        report.save(name, plan, findings, commit)
        for finding in findings:
            say(f"  {'holds' if finding.holds else 'FAILS'}: {finding.what}: {finding.measured}")
        all_hold = all_hold and all(finding.holds for finding in findings)
    report.write(list(SCRIPTS))
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
