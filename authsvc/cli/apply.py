"""authsvc apply: make a configuration file true."""

from functools import partial
from pathlib import Path

import typer

from authsvc.cli.configuration import differences, installation
from authsvc.cli.configuration_words import in_words
from authsvc.cli.installation import Desk
from authsvc.cli.plan import FILE, PRUNE
from authsvc.domain.configuration.carry_out import carry_out
from authsvc.domain.configuration.changes import Change, TenantChanges
from authsvc.domain.configuration.kinds import CLIENT
from authsvc.domain.parties.clients import Client


def apply(file: Path = FILE, prune: bool = PRUNE) -> None:
    """Change what differs from the file, all of it or nothing; running servers see it within a second."""
    with installation(changing=True) as found:
        changes = differences(found, file, prune=prune)
        for tenant in changes:
            desk = found.desk(tenant.after.tenant)
            carry_out(tenant, desk.uow, found.now, partial(_record, desk, file))
    for line in in_words(changes):
        typer.echo(line)
    for tenant in changes:
        _tell_of_secrets(tenant)


def _record(desk: Desk, file: Path, event: str, change: Change) -> None:
    members = ", ".join(name for name, _, _ in change.members)
    about = f"{change.word} {change.name}{f' ({members})' if members else ''}, apply {file.name}"
    desk.record(event, client_id=change.name if change.kind is CLIENT else None, about=about)


def _tell_of_secrets(found: TenantChanges) -> None:
    for change in found.made:
        client = change.after
        if isinstance(client, Client) and client.has_secrets and not client.secrets:
            typer.echo(
                f"Client {client.id} of tenant {found.after.tenant.name} has no secret yet: "
                f"`authsvc clients add-secret {client.id} --tenant {found.after.tenant.name}` makes one.",
                err=True,
            )
