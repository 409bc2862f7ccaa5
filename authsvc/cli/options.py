"""Options that several commands share, and what becomes of them."""

import json
from collections.abc import Iterable
from pathlib import Path

import typer

from authsvc.cli.installation import Desk
from authsvc.cli.refusal import Refused

TENANT = typer.Option(None, "--tenant", help="Tenant, if not the default one.")
AS_JSON = typer.Option(False, "--json", help="Print JSON.")
YES = typer.Option(False, "--yes", help="Do not ask.")
NAME = typer.Option(None, "--name", help="A name for people.")
JWKS_FILE = typer.Option(None, "--jwks-file", metavar="FILE", help="A file with its public keys, a JWK Set.")
JWKS_URI = typer.Option(None, "--jwks-uri", metavar="URL", help="Where its public keys can be fetched, a JWK Set.")


def replaced(given: Iterable[str] | None, old: frozenset[str]) -> frozenset[str]:
    """Return the whole new list if one was given (a single "" empties it), else the old one."""
    return frozenset(value for value in given if value) if given else old


def key_source(
    jwks_file: Path | None, jwks_uri: str | None, old: tuple[str | None, str | None] = (None, None)
) -> tuple[str | None, str | None]:
    """Return key set and URL: what was given takes the place of both. Raises: Refused, OSError."""
    if jwks_file is None and not jwks_uri:
        return old
    if jwks_file is not None and jwks_uri:
        raise Refused("Keys come from one place: give --jwks-file or --jwks-uri.")
    return (None if jwks_file is None else _text(jwks_file)), jwks_uri


def key_ids(jwks: str | None) -> list[str] | None:
    """Return the names of the keys of a set that is kept as text."""
    if jwks is None:
        return None
    return [str(key.get("kid") or f"({key.get('kty')} key without kid)") for key in json.loads(jwks)["keys"]]


def allowed_hosts(desk: Desk) -> frozenset[str]:
    """Return the hosts that the operator lets the server read key sets from besides the public ones."""
    return frozenset(host.lower() for host in desk.settings.outbound.allowed_hosts)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{path} is no JWK Set: it is not UTF-8 text.") from None
