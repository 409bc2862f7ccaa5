"""authsvc export: the configuration of the whole installation as one file."""

import typer

from authsvc.cli.configuration import installation, states
from authsvc.cli.toml_text import toml_text
from authsvc.domain.configuration.document import document

_HEADING = """\
# The configuration of authsvc. `authsvc plan FILE` shows what would change, `authsvc apply FILE` changes it.
# What a table does not say is as if new; only `disabled` and `secrets` stay as they are.
"""


def export() -> None:
    """Print the configuration (tenants, resources, trusted issuers, clients) as TOML, without any secret."""
    with installation() as found:
        table = document(states(found))
    typer.echo(f"{_HEADING}\n{toml_text(table)}", nl=False)
