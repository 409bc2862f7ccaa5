"""Replace the version before by this one under load, and go back: `python -m bench.upgrade [--from COMMIT]`.

Without --from it is the version that lacked the newest migration. docs/upgrades.md is told what was found.
"""

import argparse
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID

import psycopg

from authsvc.domain.tenants import Tenant
from authsvc.storage.sql.migrate import migrate, pending, revisions
from bench.faults.caller import LOST, Answer, Caller, Tally
from bench.faults.crowd import Crowd
from bench.faults.finding import Finding, hardly_any, none_of, say
from bench.faults.plan import Plan
from bench.faults.service import Service
from bench.faults.site import ISSUER, Site
from bench.processes import BenchError
from tests.harness.postgres import running_cluster

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "upgrades.md"
HEADING = "## Measured"
SECONDS, SEED = 10.0, 20_261_128
UNAVAILABLE = 503
_IDLE_SECONDS = 5.0
"""Servers close what is idle for longer."""
_DRAIN_SECONDS, _STOP_SECONDS = 2.0, 40.0
_VERSIONS = Path("authsvc/storage/sql/migrations/versions")
_MAKE = """
import json, sys
from pathlib import Path
from bench.faults.site import make_site
site = make_site(sys.argv[1], Path(sys.argv[2]))
print(json.dumps([str(site.tenant.id), site.secrets, site.user_id, site.cookies]))
"""


@dataclass(frozen=True, slots=True)
class Before:
    """The version before: its files, what it is called, and the migrations that it knows."""

    tree: Path
    name: str
    known: tuple[str, ...]

    @property
    def goes_back(self) -> bool:
        """Whether it starts on a database to which a newer version has added: not one that lacks that rule."""
        rule = (self.tree / "authsvc/storage/sql/migrate.py").read_text()
        return self.known == revisions() or "def added_since" in rule


def version_before() -> str | None:
    """The last commit before the newest migration that could migrate, if this clone has it."""
    newest = next((ROOT / _VERSIONS).glob(f"{revisions()[-1]}_*.py")).relative_to(ROOT)
    added = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", str(newest))
    earlier = _git("log", "--max-count=50", "--format=%H", f"{added}~1") if added else None
    return next((commit for commit in (earlier or "").split() if _has_one_line_of_migrations(commit)), None)


def _has_one_line_of_migrations(commit: str) -> bool:
    # Two that were made at the same time had one number for a few minutes.
    files = _git("ls-tree", "--name-only", commit, f"{_VERSIONS}/") or ""
    numbers = re.findall(r"/([0-9]{4})_", files)
    return len(numbers) == len(set(numbers)) > 0


def take(commit: str | None, directory: Path) -> Before:
    """Lay out the package of that commit; without one (a clone without history) a copy of this version."""
    tree = directory / "before"
    tree.mkdir()
    if commit is None:
        shutil.copytree(ROOT / "authsvc", tree / "authsvc")
    else:
        archive = subprocess.run(  # noqa: S603
            ["git", "archive", "--format=tar", commit, "authsvc"],  # noqa: S607
            capture_output=True, check=True, cwd=ROOT,
        ).stdout  # fmt: skip
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(tree, filter="data")
    known = tuple(sorted(path.name[:4] for path in (tree / _VERSIONS).glob("[0-9]*_*.py")))
    return Before(tree, "a copy of this version" if commit is None else commit[:7], known)


class OldSite(Site):
    """An installation with settings that the version before knows, too: people sign in, and nobody signs up."""

    def environment(self, **settings: str) -> dict[str, str]:
        """Those of any site, but for what came later."""
        found = Site.environment(self, **settings)
        return {name: value for name, value in found.items() if name != "AUTHSVC_REGISTRATION"}


class Rolling(Caller):
    """A client before a load balancer: each request goes to the next of the nodes that are in the rotation."""

    def __init__(self, ports: list[int], tally: Tally) -> None:
        super().__init__(ports[0], tally)
        self._ports = ports
        self._turn = itertools.count()
        self._kept: dict[int, tuple[http.client.HTTPConnection | None, float]] = {}

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        ports = tuple(self._ports)
        self._turn_to(ports[next(self._turn) % len(ports)])
        answer = super()._ask(method, path, body, headers)
        self._kept[self.port] = (self._connection, time.monotonic())
        return answer

    def _turn_to(self, port: int) -> None:
        connection, used = self._kept.get(port, (None, 0.0))
        if connection is not None and time.monotonic() - used > _IDLE_SECONDS:
            connection.close()
            connection = None
        self.port, self._connection = port, connection


@dataclass(slots=True)
class Rotation:
    """The nodes that clients are sent to, and what has come of it so far."""

    plan: Plan
    crowd: Crowd
    ports: list[int]
    stages: list[str] = field(default_factory=list)

    def stage(self, what: str, *nodes: Service) -> None:
        """Send clients to these nodes for a while."""
        self.ports[:] = [node.port for node in nodes]
        before = self.crowd.tally.statuses.copy()
        time.sleep(self.plan.seconds)
        here = self.crowd.tally.statuses - before
        self.stages.append(f"{what}: {here.total():,}")
        say(f"  {what}: {here.total():,} answers")


def rolled(plan: Plan, before: Before) -> list[Finding]:
    """There and back on one PostgreSQL."""
    with running_cluster(durable=True) as cluster, ExitStack() as stack:
        site = _site(before, cluster.url(), plan.directory)
        lacking = pending(site.database_url)
        old = _node(plan, site, "old", before)
        stack.enter_context(old)
        ports, tally = [old.port], Tally()
        crowd = Crowd(site, (old.port,), plan.seed, tally=tally, caller=lambda _, tally: Rolling(ports, tally))
        rotation = Rotation(plan, crowd, ports)
        new, again = _node(plan, site, "new"), _node(plan, site, "again", before)
        with crowd.working(registering=0, signing_in=3, redeeming=2):
            rotation.stage("the version before", old)
            (migrate if lacking else _add_as_a_later_version)(site.database_url)
            rotation.stage("the version before on the migrated database", old)
            stack.enter_context(new)
            rotation.stage("both", old, new)
            rotation.stage("this version", new)
            rotation.stage("both again", new, old)
            if before.goes_back:
                stack.enter_context(again)
                rotation.stage("both, the version before started anew", new, again)
                _stop(old)
            last = again if before.goes_back else old
            rotation.stage("the version before again", last)
            _stop(new)
        new.start()
        return _findings(before, lacking, rotation) + crowd.ledger.check(new.port, site, say)


def _add_as_a_later_version(url: str) -> None:
    """Where both know the same migrations: what a later one may do, and its number."""
    later = f"{int(revisions()[-1]) + 1:04}"
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        connection.execute("ALTER TABLE refresh_families ADD COLUMN of_a_later_version TEXT NOT NULL DEFAULT ''")
        connection.execute("CREATE TABLE of_a_later_version (id INTEGER PRIMARY KEY)")
        connection.execute("UPDATE alembic_version SET version_num = %s", (later,))


def _findings(before: Before, lacking: tuple[str, ...], rotation: Rotation) -> list[Finding]:
    tally = rotation.crowd.tally
    total, statuses = tally.statuses.total(), tally.statuses
    what = f"from {before.name} (lacks {', '.join(lacking) or 'what a later version adds'}) and back"
    # A version that is older than the rule that lets it start there was not asked to.
    starts = [Finding("the version before starts on the migrated database", "yes", "yes", holds=True)]
    return (starts if before.goes_back else []) + [
        none_of(f"{what}: answers that nobody should see", len(tally.unexpected), total, tally.unexpected),
        none_of(f"{what}: connections lost", statuses[LOST], total),
        hardly_any(f"{what}: 503", statuses[UNAVAILABLE], total),
        Finding("answers by stage", "; ".join(rotation.stages), "some in each", "0" not in
                [stage.rpartition(": ")[2] for stage in rotation.stages]),
    ]  # fmt: skip


def _node(plan: Plan, site: Site, name: str, before: Before | None = None) -> Service:
    settings = {} if before is None else {"PYTHONPATH": str(before.tree)}
    return Service(site, plan.directory / f"{name}.log", workers=1, settings=settings)


def _stop(node: Service) -> None:
    """As a rollout does it: out of the rotation before, then SIGTERM, and time for what is in flight."""
    time.sleep(_DRAIN_SECONDS)
    os.kill(node.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while node.worker_pids() and time.monotonic() < deadline:
        time.sleep(0.1)
    node.kill_all()


def _site(before: Before, url: str, directory: Path) -> Site:
    """Have the version before make the installation."""
    made = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _MAKE, url, str(directory)], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": f"{before.tree}{os.pathsep}{ROOT}"}, cwd=directory,
    )  # fmt: skip
    if made.returncode:
        raise BenchError(made.stderr[-2000:])
    tenant_id, secrets, user_id, cookies = json.loads(made.stdout)
    tenant = Tenant(UUID(tenant_id), "default", ISSUER, None, "", is_default=True, created_at=datetime.now(UTC))
    return OldSite(url, directory / "master.key", tenant, secrets, user_id, cookies)


def _git(*arguments: str) -> str | None:
    command = ["git", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    return found.stdout.strip() or None


def _write(findings: list[Finding], seconds: float) -> None:
    """The last section of the document."""
    rows = [f"| {each.what} | {each.measured} | {each.must} | {'holds' if each.holds else '**fails**'} |"
            for each in findings]  # fmt: skip
    section = [
        HEADING, "",
        f"`python -m bench.upgrade` at {_git('rev-parse', '--short', 'HEAD')}, {seconds:g} s a stage,",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, on PostgreSQL. People sign in, come from a browser, refresh and",
        "revoke; each request goes to the next node of the rotation, so that what one version began the other goes on",
        "with.", "",
        "| what | measured | must | |", "|---|---|---|---|", *rows,
    ]  # fmt: skip
    kept = DOCUMENT.read_text().partition(HEADING)[0].rstrip()
    DOCUMENT.write_text("\n".join([kept, "", *section]) + "\n")


def main(arguments: list[str]) -> int:
    """1 when a promise does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.upgrade", description=__doc__)
    parser.add_argument("--from", dest="commit", help="the version before, if not that without the newest migration")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each stage lasts")
    options = parser.parse_args(arguments)
    findings = []
    # From the version that lacks the newest migration; and from this one, to one that has added more.
    for commit in (options.commit or version_before(), _git("rev-parse", "HEAD")):
        with tempfile.TemporaryDirectory(prefix="authsvc-upgrade-") as directory:
            before = take(commit, Path(directory))
            say(f"upgrade from {before.name}, which knows {', '.join(before.known)}")
            findings += rolled(Plan(Path(directory), 1, options.seconds, SEED), before)
    for finding in findings:
        say(f"  {'holds' if finding.holds else 'FAILS'}: {finding.what}: {finding.measured}")
    _write(findings, options.seconds)
    return int(not all(finding.holds for finding in findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
