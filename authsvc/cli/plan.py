"""authsvc plan: what a configuration file would change."""

from pathlib import Path

import typer

from authsvc.cli.configuration import differences, installation
from authsvc.cli.configuration_words import in_words

FILE = typer.Argument(metavar="FILE", help="A configuration as `authsvc export` prints it.")
PRUNE = typer.Option(False, "--prune", help="Remove what the file does not name; a tenant is only disabled.")
CHANGES = 2
"""The exit code when there is something to do."""


def plan(file: Path = FILE, prune: bool = PRUNE) -> None:
    """Show what `apply` would change; exit code 0: nothing, 2: something, 1: the file cannot be applied."""
    with installation() as found:
        changes = differences(found, file, prune=prune)
    for line in in_words(changes):
        typer.echo(line)
    if any(tenant.made for tenant in changes):
        raise typer.Exit(CHANGES)
