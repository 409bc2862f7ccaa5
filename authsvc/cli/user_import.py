"""`authsvc users import`: a file of users into a tenant, batch by batch, each a transaction of its own."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import typer

from authsvc.cli.installation import Desk, all_tenants, find_tenant, opened, unit
from authsvc.cli.options import TENANT
from authsvc.cli.progress import Progress
from authsvc.cli.refusal import Refused
from authsvc.clock import utc_now
from authsvc.domain.people.user_import import (
    Checked,
    Outcome,
    check_rows,
    count_of_rows,
    in_batches,
    in_words,
    store_batch,
)
from authsvc.domain.people.user_imports import RefusedRow
from authsvc.domain.people.user_rows import CSV, FORMATS, JSON_LINES, read_rows
from authsvc.settings import read_settings

_FILE = typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="CSV or JSON Lines, in UTF-8.")
_FORMAT = typer.Option(None, "--format", help=f"One of {', '.join(FORMATS)}, if the file's name does not tell.")
_DRY_RUN = typer.Option(False, "--dry-run", help="Check every row, also against the users there are; store nothing.")
_REPORT = typer.Option(None, "--report", metavar="FILE", help="Write the bad rows there; without it, to stderr.")
_MOST_TOLD = 50
"""Bad rows on a terminal: who has more of them wants a file."""
_BY_SUFFIX = {".csv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}


def import_users(
    file: Path = _FILE,
    form: str | None = _FORMAT,
    dry_run: bool = _DRY_RUN,
    report: Path | None = _REPORT,
    tenant: str | None = TENANT,
) -> None:
    """Take over users from another system, with the password hashes that they had there, or with none.

    \b
    CSV names its fields in the first line; JSON Lines has one object on each line. The fields:
      username; email, email_verified, name, given_name, family_name, nickname, locale, disabled
      password_hash: argon2, bcrypt, PBKDF2, scrypt, SHA-crypt, also in Django's spelling

    Rows are stored in batches, each whole or not at all. Nobody who is here already is changed: after an
    interruption, or with the bad rows mended, import the same file again, and what is here already is passed over.
    A dry run cannot see that two new rows far apart have one name; the import itself refuses the second.
    """  # noqa: D301 - \b keeps the lines of the list apart
    rows_of = form or _BY_SUFFIX.get(file.suffix.lower())
    if rows_of not in FORMATS:
        raise Refused(f"It is not clear what {file} is: say --format {' or --format '.join(FORMATS)}.")
    if report is not None and report.exists() and report.samefile(file):
        raise Refused("The report would overwrite the file: give --report another name.")
    with _telling(report) as tell, file.open("rb") as octets:
        job = _Import(octets, rows_of, tenant, dry_run=dry_run)
        try:
            for outcome in job.outcomes():
                for refused in outcome.refused:
                    tell(refused)
        finally:
            typer.echo(job.summary())
    if job.refused:
        raise Refused(f"{count_of_rows(job.refused)} refused: mend them, and import the file again.")


@dataclass(slots=True)
class _Import:
    """A file on its way in, and what became of its rows so far."""

    octets: BinaryIO
    rows_of: str
    tenant: str | None
    dry_run: bool
    added: int = 0
    unchanged: int = 0
    refused: int = 0

    def outcomes(self) -> Iterator[Outcome]:
        """Store batch after batch, each in a transaction of its own with its line of the audit trail."""
        settings = read_settings()
        progress, size = Progress("users"), os.fstat(self.octets.fileno()).st_size
        with opened(settings) as storage:
            tenants = all_tenants(storage)
            tenant = find_tenant(tenants, self.tenant)
            rows = check_rows(read_rows(self.octets, self.rows_of), utc_now())
            try:
                for batch in in_batches(rows):
                    with unit(storage, tenant.id) as uow:
                        yield self._stored(batch, Desk(settings, tenant, tenants, uow, utc_now()))
                    # A pipe has no size, and does not tell how far it is.
                    share = self.octets.tell() / size if size else 0.0
                    progress.show(self.added + self.unchanged + self.refused, share)
            finally:
                progress.end()

    def summary(self) -> str:
        """Say what became of the rows."""
        return in_words(self.added, self.unchanged, self.refused, dry_run=self.dry_run)

    def _stored(self, batch: list[Checked], desk: Desk) -> Outcome:
        if not self.dry_run:
            desk.uow.begin()
        outcome = store_batch(batch, desk.uow.users, dry_run=self.dry_run)
        if outcome.added and not self.dry_run:
            desk.record("users.imported", about=f"{outcome.added} users")
            desk.uow.commit()
        self.added += outcome.added
        self.unchanged += outcome.unchanged
        self.refused += len(outcome.refused)
        return outcome


@contextmanager
def _telling(report: Path | None) -> Iterator[Callable[[RefusedRow], None]]:
    """Give what tells of a bad row: into the report, or some of them to stderr."""
    if report is not None:
        with report.open("w", encoding="utf-8") as lines:
            yield lambda row: print(_line(row), file=lines)
        return
    told = 0

    def tell(row: RefusedRow) -> None:
        nonlocal told
        told += 1
        if told <= _MOST_TOLD:
            print(_line(row), file=sys.stderr)

    yield tell
    if told > _MOST_TOLD:
        print(f"... and {told - _MOST_TOLD:,} more: --report FILE has them all", file=sys.stderr)


def _line(row: RefusedRow) -> str:
    return f"line {row.line}: {row.reason}"
