"""How commands show things: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import typer

Shown = str | int | bool | None | Sequence[str] | Mapping[str, object] | Sequence[Mapping[str, object]]
Record = Mapping[str, Shown]


def show_list(records: Iterable[Record], *, as_json: bool, columns: Sequence[str]) -> None:
    """Print one line for each record, or a JSON array of whole records."""
    found = list(records)
    if as_json:
        _print_json(found)
        return
    rows = [list(columns), *([_cell(record[name]) for name in columns] for record in found)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_one(record: Record, *, as_json: bool) -> None:
    """Print one field a line, or a JSON object."""
    if as_json:
        _print_json(record)
        return
    width = max(map(len, record))
    for name, value in record.items():
        typer.echo(f"{name.ljust(width)}  {_cell(value)}".rstrip())


def instant(at: datetime | None) -> str | None:
    """Return the instant as it is shown."""
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be undone. Raises: typer.Abort."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


def secret_input(prompt: str) -> str:
    """Read a secret: asked twice at a terminal, else one line of stdin; never an argument, which others could see."""
    if sys.stdin.isatty():
        return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _within(item: object) -> str:
    """Show a field of a record within a record: a list without spaces, for these part the fields."""
    if isinstance(item, list | tuple):
        return ",".join(map(str, item)) or "-"
    return _cell(item) if item is None or isinstance(item, bool) else str(item)


def _cell(value: Shown) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return str(value)
        case Mapping():
            return " ".join(f"{name}={_within(item)}" for name, item in value.items())
        case _:
            return " ".join(_cell(item) if isinstance(item, Mapping) else str(item) for item in value) or "-"
