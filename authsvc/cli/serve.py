"""authsvc serve: the production server."""

from pathlib import Path

import typer

from authsvc.cli.listen import Listen, become_supervisor

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
    become_supervisor(
        Listen(host, port, workers, str(tls_cert) if tls_cert else None, str(tls_key) if tls_key else None)
    )
