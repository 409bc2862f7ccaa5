"""authsvc doctor: is this installation well, and what to do if not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import typer

from authsvc import __file__ as package_file
from authsvc.cli import preflight
from authsvc.cli.installation import opened, require_migrated
from authsvc.cli.master_file import read_master_keys
from authsvc.cli.refusal import EXPECTED, Refused, sentences
from authsvc.clock import utc_now
from authsvc.settings import Settings, read_settings
from authsvc.storage.redis import answers
from authsvc.storage.sql.migrate import added_since


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what is looked at, and the look; it returns a word on what it saw, or raises."""

    name: str
    look: Callable[[], str]


def doctor(
    port: int = typer.Option(8000, min=1, max=65_535, help="The port that the server is to have."),
) -> None:
    """Check settings, keys, database, clock, mail and port; exit code 1 if anything needs mending."""
    try:
        settings = read_settings()
    except EXPECTED as error:
        for sentence in sentences(error):
            typer.echo(f"bad   settings: {sentence}")
        raise typer.Exit(1) from None
    if [check for check in checks(settings, port) if not _passes(check)]:
        raise typer.Exit(1)


def checks(settings: Settings, port: int) -> Iterator[Check]:
    """Yield what is looked at, in order."""
    yield Check("settings", lambda: "readable")
    yield Check("issuer", partial(_issuer, settings))
    yield Check("master key", partial(_master_key, settings))
    yield Check("database", partial(_database, settings))
    yield Check("migration", partial(preflight.migration_state, settings))
    yield Check("default tenant", partial(_tenant, settings))
    yield Check("signing keys", partial(_keys, settings))
    yield Check("clock", _clock)
    yield Check("mail", partial(_mail, settings))
    yield Check("redis", partial(_redis, settings))
    yield Check("port", partial(_port, port))


def _passes(check: Check) -> bool:
    try:
        seen = check.look()
    except EXPECTED as error:
        for sentence in sentences(error):
            typer.echo(f"bad   {check.name}: {sentence}")
        return False
    typer.echo(f"good  {check.name}: {seen}")
    return True


def _issuer(settings: Settings) -> str:
    preflight.require_issuer(settings)
    return settings.issuer


def _master_key(settings: Settings) -> str:
    keys = read_master_keys(settings.master_key_file)
    return f"{settings.master_key_file}, current key {keys.current}"


def _database(settings: Settings) -> str:
    require_migrated(settings.database_url)
    if added_since(settings.database_url):
        return "reachable; a newer authsvc has added to it, and this one runs on it, too"
    return "reachable and migrated"


def _tenant(settings: Settings) -> str:
    with opened(settings) as storage:
        preflight.require_own_tenant(settings, storage)
    return "matches the issuer"


def _keys(settings: Settings) -> str:
    with opened(settings) as storage:
        preflight.open_keys(settings, storage, read_master_keys(settings.master_key_file))
    return "opened with the master key"


def _clock() -> str:
    """A clock before this program was installed is wrong: tokens would be born expired."""
    now = utc_now()
    installed = datetime.fromtimestamp(Path(package_file).stat().st_mtime, UTC)
    if now < installed:
        raise Refused(f"The clock says {now:%Y-%m-%d %H:%M} UTC, before authsvc was installed: set it, best by NTP.")
    return f"{now:%Y-%m-%d %H:%M} UTC"


def _redis(settings: Settings) -> str:
    preflight.require_redis(settings)
    if settings.redis_url is None:
        return "none is set; each process counts for itself"
    if settings.http.requests_per_minute is None:
        return "unused, for nothing is counted: AUTHSVC_HTTP__REQUESTS_PER_MINUTE is not set"
    if not answers(settings.redis_url):
        raise Refused("Redis does not answer: see that it runs and that AUTHSVC_REDIS_URL is right.")
    return "answers"


def _mail(settings: Settings) -> str:
    mail = settings.mail
    if mail.smtp_host is None:
        if settings.registration.confirm_mail:
            raise Refused("AUTHSVC_REGISTRATION__CONFIRM_MAIL needs a mail server: set AUTHSVC_MAIL__SMTP_HOST.")
        return "no server is set; letters wait in the outbox"
    if (mail.smtp_username is None) != (mail.smtp_password is None):
        raise Refused("AUTHSVC_MAIL__SMTP_USERNAME and AUTHSVC_MAIL__SMTP_PASSWORD go together: set both, or neither.")
    if mail.smtp_security == "none" and mail.smtp_password is not None:
        raise Refused(
            "The mail password would travel in the clear: set AUTHSVC_MAIL__SMTP_SECURITY to starttls or tls."
        )
    return f"{mail.smtp_host}:{mail.smtp_port} ({mail.smtp_security})"


def _port(port: int) -> str:
    preflight.require_address("127.0.0.1", port)
    return f"{port} is free"
