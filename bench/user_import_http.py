"""Users imported over HTTP into PostgreSQL: how long, and in how much memory, with all servers killed once on the way.

`python -m bench.faults user-import-http` runs it. The file is streamed; the time is that from its first byte to the
last user, with the pause in which a killed server still has the lease of the jobs.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from authsvc.domain.people.user_import import BATCH
from bench.faults.finding import Finding, say, within
from bench.faults.plan import Plan, on_postgresql
from bench.faults.service import Service
from bench.faults.site import administrator
from bench.user_import import count_users, write_users

NAME = "user-import-http"
TIMES = 400_000
"""Users: 50 MB."""
SECONDS = 600.0
MAX_MEGABYTES = 64.0
"""More than before the upload."""
_PIECE = 65_536
_OVER = {"done", "failed", "cancelled"}


def run(plan: Plan) -> list[Finding]:
    """Send `plan.times` users, kill the servers when a fifth is there, and let others finish."""
    file = plan.directory / "users.csv"
    write_users(file, plan)
    with on_postgresql(plan) as (site, cluster), Service(site, plan.directory / "log", workers=1) as service:
        url, client = cluster.url().replace("+psycopg", ""), administrator(site)
        others, before, token = count_users(url), _megabytes(service), _token(service, client)
        began = time.monotonic()
        path, until = _send(service, token, file), began + 2 * plan.seconds
        sent = time.monotonic() - began
        _await(lambda: count_users(url) >= others + plan.times / 5, until)
        grown = [_grown(service, before)]
        service.kill_all()
        stored = count_users(url) - others
        say(f"  sent in {sent:.1f} s, killed at {stored:,} users")
        service.start()
        before = _megabytes(service)
        token = _token(service, client)
        _await(lambda: _call(service, "GET", path, token)["state"] in _OVER, until)
        seconds = time.monotonic() - began
        grown.append(_grown(service, before))
        found = _call(service, "GET", path, token)
        whole = count_users(url) - others
    torn, size = stored % BATCH, file.stat().st_size / 1e6
    is_whole = whole == found["added"] == plan.times
    return [
        Finding(f"killed with {stored:,} users stored: rows of an unfinished batch", f"{torn}", "0", torn == 0),
        Finding("gone on with by another: users stored, and counted", f"{whole:,}, {found['added']:,}",
                f"{plan.times:,} each", is_whole),
        within(f"sent in {sent:.1f} s, and imported ({plan.times / seconds:,.0f} users/s with the pause)", seconds,
               plan.seconds),
        Finding(f"memory of the process that grew most, beyond that before, for a body of {size:,.0f} MB; of the next "
                "server, beyond that after its start", " and ".join(f"{each:.0f} MB" for each in grown),
                f"<= {MAX_MEGABYTES:.0f} MB", max(grown) <= MAX_MEGABYTES, timed=True),
    ]  # fmt: skip


def _token(service: Service, client: tuple[str, str]) -> str:
    form = {"grant_type": "client_credentials", "client_id": client[0], "client_secret": client[1]}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return str(_asked(service, "POST", "/token", urlencode(form).encode(), headers)["access_token"])


def _send(service: Service, token: str, file: Path) -> str:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    answer = _asked(service, "POST", "/admin/users/import", _pieces(file), headers)
    return f"/admin/users/import/{answer['id']}"


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as octets:
        while piece := octets.read(_PIECE):
            yield piece


def _call(service: Service, method: str, path: str, token: str) -> dict[str, Any]:
    return _asked(service, method, path, None, {"Authorization": f"Bearer {token}"})


def _asked(
    service: Service, method: str, path: str, body: bytes | Iterator[bytes] | None, headers: dict[str, str]
) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= 400:  # noqa: PLR2004 - from here on, refusals
        message = f"{method} {path} was answered {answer.status}: {content!r}"
        raise RuntimeError(message)
    return dict(json.loads(content))


def _await(is_so: Callable[[], bool], until: float) -> None:
    """Wait until it is so, or it is too late for it."""
    while not is_so() and time.monotonic() < until:
        time.sleep(0.2)


def _megabytes(service: Service) -> dict[int, float]:
    """Return the memory that each process of the server has."""
    return {pid: _status(pid, "VmRSS:") for pid in (service.pid, *service.worker_pids())}


def _grown(service: Service, before: dict[int, float]) -> float:
    """Return how much more than that the one had at most that has grown most."""
    return max(_status(pid, "VmHWM:") - before.get(pid, 0.0) for pid in (service.pid, *service.worker_pids()))


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6
