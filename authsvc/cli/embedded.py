"""The server of `authsvc dev`: one process, one application, listening on both loopback addresses."""

import socket
from collections.abc import Callable, Sequence

from authsvc.app import build
from authsvc.cli.serving import listening, stopped_by_signals
from authsvc.outbound.kept_mail import KeptMail
from authsvc.settings import Settings
from authsvc.web.server import run, serve


def serve_embedded(settings: Settings, hosts: Sequence[str], port: int, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in flight finish; a second signal ends at once.

    `ready` is called when every address answers.
    """
    run(_serve(settings, [listening(host, port) for host in hosts], ready))


async def _serve(settings: Settings, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    kept = KeptMail() if settings.mail.smtp_host is None else None
    service, stopped = build(settings, kept=kept), stopped_by_signals()
    async with service.running():
        await serve(service.edge, sockets, stopped, ready)


def loopback_hosts() -> tuple[str, ...]:
    """Return the loopback addresses that this machine has."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "::1")
