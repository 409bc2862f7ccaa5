"""Where `authsvc serve` is to listen, and the step from the command to the supervisor. Light: a start waits for it."""

import json
import os
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Listen:
    """The options of `authsvc serve`; everything else is settings."""

    host: str
    port: int
    workers: int | None
    tls_cert: str | None
    tls_key: str | None


def become_supervisor(listen: Listen) -> None:
    """Replace this process by the supervisor, which carries no command line; does not return."""
    sys.stdout.flush()
    # Each password hash borrows 19 MiB; glibc would keep so much back for every thread that ever hashed.
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    command = [sys.executable, "-P", "-m", "authsvc.cli.serving", json.dumps(asdict(listen))]
    os.execv(sys.executable, command)  # noqa: S606 - ourselves, without a shell
