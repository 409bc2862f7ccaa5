"""The commands: every noun and verb by name, and the one place where a refusal becomes a sentence."""

import sys
from importlib import import_module

import typer

from authsvc import __version__

VERBS = ("dev", "serve", "migrate", "doctor", "export", "plan", "apply", "why")
NOUNS = ("users", "clients", "resources", "issuers", "tenants", "keys", "api-keys", "logouts", "db")


def build(names: tuple[str, ...]) -> typer.Typer:
    """Return the command line with these commands."""
    root = typer.Typer(
        name="authsvc",
        help="An OAuth 2.1 and OpenID Connect authorization server and login service.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    root.callback()(_options)
    for name in names:
        module = import_module(f"authsvc.cli.{name.replace('-', '_')}")
        if name in VERBS:
            root.command()(getattr(module, name))
        else:
            root.add_typer(module.commands)
    return root


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def run() -> None:
    """Run the command of sys.argv; a refusal is one sentence on stderr and exit code 1."""
    everything = VERBS + NOUNS
    # Only what is asked for is loaded: a server's start waits for it.
    asked = tuple(sys.argv[1:2])
    root = build(asked if asked and asked[0] in everything else everything)
    try:
        root()
    except Exception as error:
        from authsvc.cli.refusal import EXPECTED, tell  # noqa: PLC0415 - heavy, as the command's own modules are

        if not isinstance(error, EXPECTED):
            raise
        tell(error)
        sys.exit(1)
