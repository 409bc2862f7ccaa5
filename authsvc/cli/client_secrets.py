"""Secrets of clients: made, shown once, taken away. The commands are those of `authsvc clients`."""

import typer

from authsvc.cli import registered
from authsvc.cli.installation import Desk, changing
from authsvc.cli.master_file import read_master_keys
from authsvc.cli.options import TENANT
from authsvc.cli.refusal import Refused
from authsvc.domain.parties.clients import (
    SECRET_METHODS,
    SHARED_SECRET_METHOD,
    Client,
    generated_secret,
    sealing,
    with_new_secret,
    without_secret,
)

_ID = typer.Argument(metavar="CLIENT_ID")


def add_secret(client_id: str = _ID, tenant: str | None = TENANT) -> None:
    """Give a client a second secret, shown only now; both work until one is removed."""
    with changing(tenant) as desk:
        client, secret = new_secret(desk, registered.client(desk, client_id))
        desk.uow.clients.save(client)
        desk.record("client.secret_added", client_id=client_id)
    typer.echo(f"secret_id      {client.secrets[-1].id}")
    tell_secret(secret)


def remove_secret(
    client_id: str = _ID,
    secret_id: str = typer.Argument(help="Its short name, from `authsvc clients show`."),
    tenant: str | None = TENANT,
) -> None:
    """Take a secret from a client; it is refused within a second on every node."""
    with changing(tenant) as desk:
        client = without_secret(registered.client(desk, client_id), secret_id)
        desk.uow.clients.save(client)
        desk.record("client.secret_removed", client_id=client_id)
    typer.echo(f"removed secret {secret_id} of client {client_id}; {len(client.secrets)} left")


def make_secret(
    auth_method: str = typer.Option("client_secret_basic", "--auth-method", help="That of the client it is for."),
) -> None:
    """Print a new secret that nobody has yet: keep it where `authsvc apply` will find it."""
    if auth_method not in SECRET_METHODS:
        raise Refused(f"Secrets are for {', '.join(sorted(SECRET_METHODS))}.")
    typer.echo(generated_secret(auth_method))


def new_secret(desk: Desk, client: Client) -> tuple[Client, str]:
    """Return the client with one more secret, and that secret. Raises: ClientInvalid, Refused (no master key)."""
    seal = None
    if client.auth_method == SHARED_SECRET_METHOD:
        seal = sealing(desk.tenant.id, read_master_keys(desk.settings.master_key_file))
    return with_new_secret(client, desk.now, seal)


def first_secret(desk: Desk, client: Client) -> tuple[Client, str | None]:
    """Return the client with a secret if its method needs one that it lacks, and that secret."""
    if not client.has_secrets or client.secrets:
        return client, None
    return new_secret(desk, client)


def tell_secret(secret: str | None) -> None:
    """Print a new secret."""
    if secret is not None:
        typer.echo(f"client_secret  {secret}")
        typer.echo("The secret is shown only now.", err=True)
