"""The commands: every noun and verb by name, and the one place where a refusal becomes a sentence."""

import sys

import typer

from authsvc import __version__
from authsvc.cli import clients, keys, resources, tenants, users
from authsvc.cli.dev import dev
from authsvc.cli.doctor import doctor
from authsvc.cli.migrate import migrate
from authsvc.cli.refusal import EXPECTED, sentences
from authsvc.cli.serve import serve
from authsvc.cli.why import why

root = typer.Typer(
    name="authsvc",
    help="An OAuth 2.1 and OpenID Connect authorization server and login service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (dev, serve, migrate, doctor, why):
    root.command()(command)
for noun in (users, clients, resources, tenants, keys):
    root.add_typer(noun.commands)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@root.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def run() -> None:
    """Run the command of sys.argv; a refusal is one sentence on stderr and exit code 1."""
    try:
        root()
    except EXPECTED as error:
        for sentence in sentences(error):
            typer.echo(f"authsvc: {sentence}", err=True)
        sys.exit(1)
