"""authsvc db: the database as a whole."""

import typer

from authsvc.cli.installation import require_migrated
from authsvc.cli.progress import Progress
from authsvc.cli.refusal import Refused
from authsvc.errors import StorageUnavailable
from authsvc.settings import read_settings
from authsvc.storage.sql.database_copy import copy_database

commands = typer.Typer(name="db", help="The database as a whole.")
_TO = typer.Option(
    ..., "--to", metavar="URL", envvar="AUTHSVC_COPY_TO",
    help="The new database. A password in it can be seen by others on this machine: better in ~/.pgpass.",
)  # fmt: skip
_NEXT = """next:
  1. leave the servers of the old database stopped: the two go separate ways from now on
  2. on every node, set AUTHSVC_DATABASE_URL to the new one; issuer and master key file stay the same
  3. run `authsvc doctor` there, and start the servers: people stay signed in"""


@commands.callback()
def _noun() -> None:
    """A callback keeps the only verb a verb."""


@commands.command()
def copy(to: str = _TO) -> None:
    """Copy a SQLite installation into an empty PostgreSQL (or SQLite) database: tokens and sessions live on there.

    Stop the servers first. The copy is one transaction: all is compared, row by row, before any of it is there. It
    is undone if the old database was changed meanwhile. An interrupted one is run again; until then no server starts
    on the new database.
    """
    settings = read_settings()
    require_migrated(settings.database_url)
    progress = Progress("rows read")
    try:
        counts = copy_database(settings.database_url, to, progress.show)
    except ValueError as error:
        raise Refused(f"--to is wrong: {str(error).removeprefix('database_url: ')}.") from None
    except StorageUnavailable as error:
        raise Refused(
            f"A database cannot be reached ({error.detail}): see that --to and AUTHSVC_DATABASE_URL are right, "
            "and run this again."
        ) from None
    finally:
        progress.end()
    if counts is None:
        typer.echo("the new database is an exact copy already; nothing was done")
    else:
        rows = sum(counts.values())
        typer.echo(f"copied {rows:,} rows of {len(counts)} tables; their counts and hashes are the same on both sides")
    typer.echo(_NEXT)
