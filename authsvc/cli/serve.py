"""authsvc serve: the production server."""

from pathlib import Path

import typer

from authsvc.cli.preflight import check_serving, require_address, require_tls
from authsvc.cli.refusal import Refused
from authsvc.cli.serving import Listen, become_supervisor
from authsvc.settings import read_settings

_TLS_CERT = typer.Option(None, "--tls-cert", help="Certificate chain in PEM; without it a proxy must do TLS.")
_TLS_KEY = typer.Option(None, "--tls-key", help="Its private key in PEM.")


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8000, min=1, max=65_535),
    workers: int | None = typer.Option(
        None, min=1, max=256, help="Worker processes; one for each core is a good start."
    ),
    tls_cert: Path | None = _TLS_CERT,
    tls_key: Path | None = _TLS_KEY,
) -> None:
    """Serve in production. Everything is checked first; on SIGTERM requests in flight finish."""
    settings = read_settings()
    require_tls(tls_cert, tls_key)
    check_serving(settings)
    require_address(host, port)
    observe = settings.observe
    if observe.metrics_port is not None:
        _require_metrics_address(observe.metrics_host, observe.metrics_port)
    become_supervisor(
        Listen(
            host=host,
            port=port,
            workers=workers or settings.workers,
            tls_cert=str(tls_cert) if tls_cert else None,
            tls_key=str(tls_key) if tls_key else None,
            log_level=observe.log_level,
            log_file=str(observe.log_file) if observe.log_file else None,
            metrics_host=observe.metrics_host,
            metrics_port=observe.metrics_port,
        )
    )


def _require_metrics_address(host: str, port: int) -> None:
    try:
        require_address(host, port)
    except Refused:
        raise Refused(
            f"/metrics cannot listen on {host}:{port}: change AUTHSVC_OBSERVE__METRICS_HOST or METRICS_PORT."
        ) from None
