"""authsvc why: what one request did, and which rule refused it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

from authsvc.cli.installation import opened, sqlite_file, unit
from authsvc.cli.output import instant
from authsvc.cli.refusal import Refused
from authsvc.domain.audit import AuditEvent
from authsvc.errors import AuthsvcError
from authsvc.observe.logging import find_request
from authsvc.settings import Settings, read_settings

_LOG = typer.Option(None, "--log", help="The log file, if not the one of the settings.")
_SHOWN_APART = {"at", "level", "event", "message", "request_id", "rule"}


def why(
    request_id: str = typer.Argument(help="The X-Request-Id of the answer; errors carry it as request_id."),
    log: Path | None = _LOG,
) -> None:
    """Explain one request: its audit rows, its log lines and the rule that refused it, in words."""
    settings = read_settings()
    rules: dict[str, None] = {}
    found = False
    with opened(settings) as storage:
        for tenant in storage.list_tenants():
            with unit(storage, tenant.id) as uow:
                for event in uow.audit.find_request(request_id):
                    found = True
                    rules |= {event.rule: None} if event.rule else {}
                    typer.echo(_audit_line(tenant.name, event))
    for line in _log_lines(settings, log, request_id):
        found = True
        rule = line.get("rule")
        rules |= {str(rule): None} if rule else {}
        typer.echo(_log_line(line))
    if not found:
        raise Refused(
            f"Nothing is known of the request {request_id}: only refusals are logged, and only with "
            "AUTHSVC_OBSERVE__LOG_FILE set (or --log) can log lines be found."
        )
    for rule in rules:
        typer.echo(f"The rule that failed, {rule}: {in_words(rule)}")


def in_words(rule: str) -> str:
    """Return what a rule demands, from the documentation of the errors that name it."""
    # Every room's errors are loaded here, so that none of their rules stays a bare name.
    import authsvc.app  # noqa: F401, PLC0415 - heavy, and only needed here

    for error in _errors(AuthsvcError):
        if rule in {error.rule, getattr(error, "code", None)} and error is not AuthsvcError:
            return " ".join((error.__doc__ or "").strip().split("\n\n")[0].split())
    return f"{rule.replace('_', ' ')}."


def _errors(base: type[AuthsvcError]) -> Iterator[type[AuthsvcError]]:
    for error in base.__subclasses__():
        yield error
        yield from _errors(error)


def _log_lines(settings: Settings, given: Path | None, request_id: str) -> Iterator[Mapping[str, object]]:
    database = sqlite_file(settings)
    # Where `authsvc dev` writes.
    beside = database.with_name("authsvc.log") if database is not None else None
    path = given or settings.observe.log_file or (beside if beside is not None and beside.exists() else None)
    return find_request(path, request_id) if path is not None else iter(())


def _audit_line(tenant: str, event: AuditEvent) -> str:
    facts = {
        "tenant": tenant, "rule": event.rule, "client": event.client_id, "user": event.user_id,
        "address": event.address, "detail": event.detail,
    }  # fmt: skip
    return f"audit  {instant(event.at)}  {event.event}  {_pairs(facts)}"


def _log_line(line: Mapping[str, object]) -> str:
    facts = {name: value for name, value in line.items() if name not in _SHOWN_APART} | {"rule": line.get("rule")}
    return f"log    {line.get('at')}  {line.get('event')}: {line.get('message')}  {_pairs(facts)}"


def _pairs(facts: Mapping[str, object]) -> str:
    return "  ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
