"""The three commands that clients, resources and trusted issuers share: disable, enable, delete."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import typer

from authsvc.cli.installation import Desk, changing
from authsvc.cli.options import TENANT, YES
from authsvc.cli.output import confirm
from authsvc.domain.ports import UnitOfWork


class Switchable(Protocol):
    """A store whose rows are switched by name."""

    def disable(self, name: str, now: datetime, /) -> bool:
        """False if not there or disabled already."""

    def enable(self, name: str, /) -> bool:
        """False if not there or not disabled."""

    def delete(self, name: str, /) -> bool:
        """False if not there."""


@dataclass(frozen=True, slots=True)
class Noun:
    """What is switched: its word, its argument, where it is found (or refused), and what each command says of itself.

    The audit trail names a client in a column of its own, everything else in the detail.
    """

    word: str
    argument: Any
    found: Callable[[Desk, str], object]
    store: Callable[[UnitOfWork], Switchable]
    disabling: str
    enabling: str
    deleting: str
    delete: Callable[[str, UnitOfWork], object] | None = None
    """How it is deleted, where the store alone leaves something behind."""


def add_switches(commands: typer.Typer, noun: Noun) -> None:
    """Add the three commands to those of the noun."""

    def done(desk: Desk, verb: str, name: str) -> None:
        is_client = noun.word == "client"
        desk.record(f"{noun.word}.{verb}", client_id=name if is_client else None, about=None if is_client else name)

    @commands.command(help=noun.disabling)
    def disable(name: str = noun.argument, tenant: str | None = TENANT) -> None:
        with changing(tenant) as desk:
            noun.found(desk, name)
            noun.store(desk.uow).disable(name, desk.now)
            done(desk, "disabled", name)
        typer.echo(f"disabled {noun.word} {name}")

    @commands.command(help=noun.enabling)
    def enable(name: str = noun.argument, tenant: str | None = TENANT) -> None:
        with changing(tenant) as desk:
            noun.found(desk, name)
            noun.store(desk.uow).enable(name)
            done(desk, "enabled", name)
        typer.echo(f"enabled {noun.word} {name}")

    @commands.command(help=noun.deleting)
    def delete(name: str = noun.argument, yes: bool = YES, tenant: str | None = TENANT) -> None:
        confirm(f"Delete {noun.word} {name}?", yes=yes)
        with changing(tenant) as desk:
            noun.found(desk, name)
            if noun.delete is None:
                noun.store(desk.uow).delete(name)
            else:
                noun.delete(name, desk.uow)
            done(desk, "deleted", name)
        typer.echo(f"deleted {noun.word} {name}")
