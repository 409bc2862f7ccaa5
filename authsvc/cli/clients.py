"""authsvc clients: the programs that may ask for tokens."""

from collections.abc import Iterable
from dataclasses import replace

import typer

from authsvc.cli.installation import Desk, changing, reading
from authsvc.cli.master_file import read_master_keys
from authsvc.cli.output import Record, confirm, instant, show_list, show_one
from authsvc.cli.refusal import Refused
from authsvc.domain.clients import (
    AUTH_METHODS,
    SHARED_SECRET_METHOD,
    Client,
    check_client,
    sealing,
    with_new_secret,
    without_secret,
)
from authsvc.domain.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES
from authsvc.protocol.grants import GRANTS

commands = typer.Typer(name="clients", help="Programs that may ask for tokens.")
_ID = typer.Argument(metavar="CLIENT_ID")
_TENANT = typer.Option(None, "--tenant", help="Tenant, if not the default one.")
_AS_JSON = typer.Option(False, "--json", help="Print JSON.")
_GRANTS = typer.Option(
    None, "--grant", help="A grant type, such as client_credentials or refresh_token; repeat for more."
)
_SCOPES = typer.Option(None, "--scope", help="A scope it may ask for; repeat for more.")
_RESOURCES = typer.Option(None, "--resource", help="The audience of a resource it may use; repeat for more.")
_ORIGINS = typer.Option(None, "--origin", help="A browser origin that may call for it; repeat for more.")
_NAME = typer.Option(None, help="A name for people.")
_FIRST_PARTY = typer.Option(
    None, "--first-party/--no-first-party", help="Your own app: it may post people's passwords to /login."
)


@commands.command("list")
def list_clients(
    tenant: str | None = _TENANT,
    as_json: bool = _AS_JSON,
    limit: int = typer.Option(100, min=1, max=1_000, help="At most so many."),
    after: str | None = typer.Option(None, help="Go on after this id, the last one of the list before."),
) -> None:
    """List clients in the order of their ids."""
    with reading(tenant) as desk:
        found = [_record(client) for client in desk.uow.clients.list(after, limit)]
    show_list(
        found, as_json=as_json, columns=("id", "name", "auth_method", "grant_types", "first_party", "disabled_at")
    )


@commands.command()
def show(client_id: str = _ID, tenant: str | None = _TENANT, as_json: bool = _AS_JSON) -> None:
    """Show one client; of its secrets only their short names."""
    with reading(tenant) as desk:
        show_one(_record(_found(desk, client_id)), as_json=as_json)


@commands.command()
def create(  # noqa: PLR0913 - options
    client_id: str = _ID,
    name: str | None = _NAME,
    public: bool = typer.Option(False, "--public", help="It cannot keep a secret: an app on people's devices."),
    first_party: bool | None = _FIRST_PARTY,
    auth_method: str = typer.Option(
        "client_secret_basic", help=f"If not public: one of {', '.join(AUTH_METHODS[1:])}."
    ),
    grant: list[str] | None = _GRANTS,
    scope: list[str] | None = _SCOPES,
    resource: list[str] | None = _RESOURCES,
    origin: list[str] | None = _ORIGINS,
    tenant: str | None = _TENANT,
) -> None:
    """Register a client; a confidential one gets a secret, shown only now."""
    grants = frozenset(grant or (["refresh_token"] if public or first_party else ["client_credentials"]))
    with changing(tenant) as desk:
        client = Client(
            id=client_id, name=name or client_id, auth_method="none" if public else auth_method, secrets=(),
            first_party=bool(first_party), grant_types=grants, scopes=frozenset(scope or ()),
            resources=frozenset(resource or ()), origins=frozenset(origin or ()), profile="oauth2.1",
            id_token_algorithm="RS256", created_at=desk.now,
        )  # fmt: skip
        _check_names(desk, client)
        secret = None
        if client.has_secrets:
            client, secret = _with_new_secret(desk, client)
        desk.uow.clients.add(check_client(client))
        desk.record("client.created", client_id=client.id)
    typer.echo(f"client_id      {client.id}")
    if secret is not None:
        typer.echo(f"client_secret  {secret}")
        typer.echo("The secret is shown only now.", err=True)


@commands.command()
def update(  # noqa: PLR0913 - options
    client_id: str = _ID,
    name: str | None = _NAME,
    first_party: bool | None = _FIRST_PARTY,
    grant: list[str] | None = _GRANTS,
    scope: list[str] | None = _SCOPES,
    resource: list[str] | None = _RESOURCES,
    origin: list[str] | None = _ORIGINS,
    tenant: str | None = _TENANT,
) -> None:
    """Change what is given; a repeated option replaces the whole list ("" empties it)."""
    with changing(tenant) as desk:
        old = _found(desk, client_id)
        client = replace(
            old,
            name=name or old.name,
            first_party=old.first_party if first_party is None else first_party,
            grant_types=_replaced(grant, old.grant_types),
            scopes=_replaced(scope, old.scopes),
            resources=_replaced(resource, old.resources),
            origins=_replaced(origin, old.origins),
        )
        _check_names(desk, client)
        desk.uow.clients.save(check_client(client))
        desk.record("client.updated", client_id=client_id)
    typer.echo(f"updated client {client_id}")


@commands.command("add-secret")
def add_secret(client_id: str = _ID, tenant: str | None = _TENANT) -> None:
    """Give a client a second secret, shown only now; both work until one is removed."""
    with changing(tenant) as desk:
        client, secret = _with_new_secret(desk, _found(desk, client_id))
        desk.uow.clients.save(client)
        desk.record("client.secret_added", client_id=client_id)
    typer.echo(f"secret_id      {client.secrets[-1].id}")
    typer.echo(f"client_secret  {secret}")
    typer.echo("The secret is shown only now.", err=True)


@commands.command("remove-secret")
def remove_secret(
    client_id: str = _ID,
    secret_id: str = typer.Argument(help="Its short name, from `authsvc clients show`."),
    tenant: str | None = _TENANT,
) -> None:
    """Take a secret from a client; it is refused within a second on every node."""
    with changing(tenant) as desk:
        client = without_secret(_found(desk, client_id), secret_id)
        desk.uow.clients.save(client)
        desk.record("client.secret_removed", client_id=client_id)
    typer.echo(f"removed secret {secret_id} of client {client_id}; {len(client.secrets)} left")


@commands.command()
def disable(client_id: str = _ID, tenant: str | None = _TENANT) -> None:
    """Refuse every request of a client, within a second on every node."""
    with changing(tenant) as desk:
        desk.uow.clients.disable(_found(desk, client_id).id, desk.now)
        desk.record("client.disabled", client_id=client_id)
    typer.echo(f"disabled client {client_id}")


@commands.command()
def enable(client_id: str = _ID, tenant: str | None = _TENANT) -> None:
    """Serve a disabled client again."""
    with changing(tenant) as desk:
        desk.uow.clients.enable(_found(desk, client_id).id)
        desk.record("client.enabled", client_id=client_id)
    typer.echo(f"enabled client {client_id}")


@commands.command()
def delete(
    client_id: str = _ID, yes: bool = typer.Option(False, "--yes", help="Do not ask."), tenant: str | None = _TENANT
) -> None:
    """Delete a client for good."""
    confirm(f"Delete client {client_id}?", yes=yes)
    with changing(tenant) as desk:
        desk.uow.clients.delete(_found(desk, client_id).id)
        desk.record("client.deleted", client_id=client_id)
    typer.echo(f"deleted client {client_id}")


def _found(desk: Desk, client_id: str) -> Client:
    client = desk.uow.clients.get(client_id)
    if client is None:
        raise Refused(f"There is no client {client_id}: `authsvc clients list` shows those that there are.")
    return client


def _with_new_secret(desk: Desk, client: Client) -> tuple[Client, str]:
    seal = None
    if client.auth_method == SHARED_SECRET_METHOD:
        seal = sealing(desk.tenant.id, read_master_keys(desk.settings.master_key_file))
    return with_new_secret(client, desk.now, seal)


def _check_names(desk: Desk, client: Client) -> None:
    """Refuse what would only fail at the first token: a grant type, a resource or a scope that nobody has."""
    if unknown := client.grant_types - GRANTS.keys():
        raise Refused(f"There is no grant type {', '.join(sorted(unknown))}: choose among {', '.join(GRANTS)}.")
    resources = {resource.audience: resource for resource in desk.uow.resources.list()}
    for audience in sorted(client.resources - resources.keys()):
        raise Refused(f"There is no resource {audience}: `authsvc resources create {audience} --scope ...` makes one.")
    known = {ACCOUNT_SCOPE, *IDENTITY_SCOPES}
    for audience in client.resources:
        known |= resources[audience].scopes
    if unknown := client.scopes - known:
        raise Refused(
            f"None of the client's resources has the scope {', '.join(sorted(unknown))}: name it with --resource."
        )


def _replaced(given: Iterable[str] | None, old: frozenset[str]) -> frozenset[str]:
    return frozenset(value for value in given if value) if given else old


def _record(client: Client) -> Record:
    return {
        "id": client.id, "name": client.name, "auth_method": client.auth_method, "first_party": client.first_party,
        "grant_types": sorted(client.grant_types), "scopes": sorted(client.scopes),
        "resources": sorted(client.resources), "origins": sorted(client.origins), "profile": client.profile,
        "secrets": [{"id": secret.id, "created_at": instant(secret.created_at)} for secret in client.secrets],
        "created_at": instant(client.created_at), "disabled_at": instant(client.disabled_at),
    }  # fmt: skip
