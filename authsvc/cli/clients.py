"""authsvc clients: the programs that may ask for tokens."""

from pathlib import Path

import typer

from authsvc.cli import client_options as options
from authsvc.cli import exchange, registered, registration_tokens
from authsvc.cli import relying_party as party
from authsvc.cli.client_secrets import add_secret, first_secret, make_secret, remove_secret, tell_secret
from authsvc.cli.installation import changing, reading
from authsvc.cli.options import AS_JSON, JWKS_FILE, JWKS_URI, NAME, TENANT, key_ids
from authsvc.cli.output import Record, instant, show_list, show_one
from authsvc.cli.switches import Noun, add_switches
from authsvc.domain.parties.client_deletion import delete_client
from authsvc.domain.parties.clients import Client

commands = typer.Typer(name="clients", help="Programs that may ask for tokens.")
_ID = typer.Argument(metavar="CLIENT_ID")


@commands.command("list")
def list_clients(
    tenant: str | None = TENANT,
    as_json: bool = AS_JSON,
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
def show(client_id: str = _ID, tenant: str | None = TENANT, as_json: bool = AS_JSON) -> None:
    """Show one client; of its secrets only their short names."""
    with reading(tenant) as desk:
        show_one(_record(registered.client(desk, client_id)), as_json=as_json)


@commands.command()
def create(  # noqa: PLR0913 - options
    client_id: str = _ID,
    name: str | None = NAME,
    public: bool = typer.Option(False, "--public", help="It cannot keep a secret: an app on people's devices."),
    first_party: bool | None = options.FIRST_PARTY,
    auth_method: str | None = options.AUTH_METHOD,
    jwks_file: Path | None = JWKS_FILE,
    jwks_uri: str | None = JWKS_URI,
    assertion_algorithm: list[str] | None = options.ALGORITHMS,
    identity: list[str] | None = options.IDENTITIES,
    grant: list[str] | None = options.GRANT_TYPES,
    scope: list[str] | None = options.SCOPES,
    resource: list[str] | None = options.RESOURCES,
    serves: list[str] | None = options.SERVES,
    origin: list[str] | None = options.ORIGINS,
    profile: str | None = options.PROFILE,
    redirect_uri: list[str] | None = party.REDIRECT_URIS,
    tenant: str | None = TENANT,
) -> None:
    """Register a client; a secret, if it has one, is shown only now."""
    asked = options.Asked(
        name, first_party, auth_method, grant, scope, resource, serves, origin, assertion_algorithm, identity,
        jwks_file, jwks_uri, profile, redirect_uri,
    )  # fmt: skip
    with changing(tenant) as desk:
        client, secret = first_secret(desk, options.new_client(client_id, asked, desk, public=public))
        desk.uow.clients.add(client)
        desk.record("client.created", client_id=client.id)
    typer.echo(f"client_id      {client.id}")
    tell_secret(secret)


@commands.command()
def update(  # noqa: PLR0913 - options
    client_id: str = _ID,
    name: str | None = NAME,
    first_party: bool | None = options.FIRST_PARTY,
    auth_method: str | None = options.AUTH_METHOD,
    jwks_file: Path | None = JWKS_FILE,
    jwks_uri: str | None = JWKS_URI,
    assertion_algorithm: list[str] | None = options.ALGORITHMS,
    identity: list[str] | None = options.IDENTITIES,
    grant: list[str] | None = options.GRANT_TYPES,
    scope: list[str] | None = options.SCOPES,
    resource: list[str] | None = options.RESOURCES,
    serves: list[str] | None = options.SERVES,
    origin: list[str] | None = options.ORIGINS,
    profile: str | None = options.PROFILE,
    redirect_uri: list[str] | None = party.REDIRECT_URIS,
    tenant: str | None = TENANT,
) -> None:
    """Change what is given; a repeated option replaces the whole list ("" empties it).

    With another authentication method the secrets, keys and identities of the old one are gone within a second.
    """
    asked = options.Asked(
        name, first_party, auth_method, grant, scope, resource, serves, origin, assertion_algorithm, identity,
        jwks_file, jwks_uri, profile, redirect_uri,
    )  # fmt: skip
    with changing(tenant) as desk:
        old = registered.client(desk, client_id)
        client, secret = first_secret(desk, options.changed_client(old, asked, desk))
        desk.uow.clients.save(client)
        desk.record("client.updated", client_id=client_id)
    typer.echo(f"updated client {client_id}")
    tell_secret(secret)


commands.command("add-secret")(add_secret)
commands.command("remove-secret")(remove_secret)
commands.command("make-secret")(make_secret)
commands.command("relying-party")(party.relying_party)
commands.command("allow-exchange")(exchange.allow_exchange)
commands.command("forbid-exchange")(exchange.forbid_exchange)
commands.add_typer(registration_tokens.commands)
add_switches(
    commands,
    Noun(
        word="client",
        argument=_ID,
        found=registered.client,
        store=lambda uow: uow.clients,
        disabling="Refuse every request of a client, within a second on every node.",
        enabling="Serve a disabled client again.",
        deleting="Delete a client for good, with its API keys and the exchange policies for its tokens.",
        delete=delete_client,
    ),
)


def _record(client: Client) -> Record:
    return {
        "id": client.id, "name": client.name, "auth_method": client.auth_method, "first_party": client.first_party,
        "grant_types": sorted(client.grant_types), "scopes": sorted(client.scopes),
        "resources": sorted(client.resources), "serves": sorted(client.serves), "origins": sorted(client.origins),
        "profile": client.profile,
        "secrets": [{"id": secret.id, "created_at": instant(secret.created_at)} for secret in client.secrets],
        "jwks": key_ids(client.jwks), "jwks_uri": client.jwks_uri,
        "assertion_algorithms": sorted(client.assertion_algorithms),
        "identities": [
            {"issuer": known.issuer, "subject": known.subject, "audience": known.audience}
            for known in client.identities
        ],
        "id_token_algorithm": client.id_token_algorithm, "relying_party": party.shown(client.relying_party),
        "exchanges": [exchange.shown(policy) for policy in client.exchanges],
        "created_at": instant(client.created_at), "disabled_at": instant(client.disabled_at),
    }  # fmt: skip
