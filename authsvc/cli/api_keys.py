"""authsvc api-keys: long-lived secrets of people and of clients."""

from uuid import UUID

import typer

from authsvc.cli.installation import Desk, changing, reading
from authsvc.cli.output import Record, instant, show_list
from authsvc.cli.refusal import Refused
from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.people.users import User, canonical_login
from authsvc.domain.tokens.api_keys import ApiKey, KeyOwner, WantedKey, new_api_key
from authsvc.protocol.api_keys import service_as_owner
from authsvc.protocol.errors import UnauthorizedClient

commands = typer.Typer(name="api-keys", help="Long-lived secrets of people and clients, exchanged for short tokens.")
_USER = typer.Option(None, "--user", help="Whose: a person's user name, verified address or id.")
_CLIENT = typer.Option(None, "--client", help="Whose: a client's id.")
_TENANT = typer.Option(None, "--tenant", help="Tenant, if not the default one.")
_AS_JSON = typer.Option(False, "--json", help="Print JSON.")
_SCOPES = typer.Option(..., "--scope", help="A scope it may use; repeat for more.")
_RESOURCES = typer.Option(
    None, "--resource", help="The audience it is for; repeat for more. If none: those that own the scopes."
)
_DAY_SECONDS = 86_400


@commands.command("list")
def list_keys(
    user: str | None = _USER, client: str | None = _CLIENT, tenant: str | None = _TENANT, as_json: bool = _AS_JSON
) -> None:
    """List the keys of a person or a client that are not revoked, oldest first."""
    with reading(tenant) as desk:
        owner = _owner(desk, user, client)
        keys = desk.uow.api_keys.list(user_id=owner.user_id, client_id=owner.client_id)
    show_list(
        [_record(key) for key in keys],
        as_json=as_json,
        columns=("id", "name", "hint", "scopes", "expires_at", "last_used_at"),
    )


@commands.command()
def create(  # noqa: PLR0913 - options
    name: str = typer.Argument(help="What its owner calls it."),
    user: str | None = _USER,
    client: str | None = _CLIENT,
    scope: list[str] = _SCOPES,
    resource: list[str] | None = _RESOURCES,
    expires_in_days: int | None = typer.Option(None, min=1, help="When it expires; 90 days if nothing is said."),
    never_expires: bool = typer.Option(False, "--never-expires", help="It lives until somebody revokes it."),
    tenant: str | None = _TENANT,
) -> None:
    """Make a key, shown only now. A person's may be for any resource, a client's for what the client may have."""
    wanted = WantedKey(
        name=name,
        scopes=frozenset(scope),
        resources=frozenset(resource) if resource else None,
        lifetime_seconds=None if expires_in_days is None else expires_in_days * _DAY_SECONDS,
        never_expires=never_expires,
    )
    with changing(tenant) as desk:
        key, secret = _made(desk, _making_owner(desk, user, client), wanted)
        desk.record("api_key.created", client_id=key.client_id, user_id=key.user_id, about=f"API key {key.id}")
    typer.echo(f"id       {key.id}")
    typer.echo(f"api_key  {secret}")
    typer.echo("The key is shown only now.", err=True)


@commands.command()
def revoke(
    key_id: str = typer.Argument(help="Its id, from `authsvc api-keys list`."), tenant: str | None = _TENANT
) -> None:
    """Refuse a key from now on; tokens that it was exchanged for live until they expire."""
    with changing(tenant) as desk:
        key = _found(desk, key_id)
        if not desk.uow.api_keys.revoke(key.id, desk.now):
            raise Refused(f"The API key {key_id} was revoked before.")
        desk.record("api_key.revoked", client_id=key.client_id, user_id=key.user_id, about=f"API key {key.id}")
    typer.echo(f"revoked API key {key_id}")


def _owner(desk: Desk, user: str | None, client: str | None) -> KeyOwner:
    """Return the owner by name, who may reach nothing yet."""
    if (user is None) == (client is None):
        raise Refused("Say whose key: --user NAME or --client ID.")
    if user is not None:
        return KeyOwner(_user(desk, user).id, None, frozenset(), frozenset())
    if desk.uow.clients.get(client or "") is None:
        raise Refused(f"There is no client {client}: `authsvc clients list` shows those that there are.")
    return KeyOwner(None, client, frozenset(), frozenset())


def _making_owner(desk: Desk, user: str | None, client_id: str | None) -> KeyOwner:
    """Return the owner with the most that a key may reach: who runs the command vouches for a person."""
    owner = _owner(desk, user, client_id)
    if owner.user_id is not None:
        registered = desk.uow.resources.list()
        scopes = frozenset[str]().union(*(resource.scopes for resource in registered))
        return KeyOwner(owner.user_id, None, scopes, frozenset(resource.audience for resource in registered))
    client = desk.uow.clients.get(owner.client_id or "")
    try:
        assert client is not None  # noqa: S101 - _owner has found it
        return service_as_owner(client)
    except UnauthorizedClient:
        raise Refused(f"Client {client_id} may not act for itself: give it the grant client_credentials.") from None


def _made(desk: Desk, owner: KeyOwner, wanted: WantedKey) -> tuple[ApiKey, str]:
    keys, registered = desk.uow.api_keys, desk.uow.resources.list()
    live = keys.count_before_adding(owner, desk.now)
    try:
        key, secret = new_api_key(wanted, owner, registered, live, desk.now)
    except FieldsInvalid as error:
        told = "; ".join(f"{problem.field}: {problem.message}" for problem in error.problems)
        raise Refused(f"The key cannot be made so: {told}.") from None
    keys.add(key)
    return key, secret


def _user(desk: Desk, who: str) -> User:
    user = desk.uow.users.find_by_login(canonical_login(who))
    if user is None and (user_id := _id(who)) is not None:
        user = desk.uow.users.get(user_id)
    if user is None:
        raise Refused(f"There is no user {who}: `authsvc users list` shows those that there are.")
    return user


def _found(desk: Desk, key_id: str) -> ApiKey:
    parsed = _id(key_id)
    key = None if parsed is None else desk.uow.api_keys.get(parsed)
    if key is None:
        # It is not repeated: somebody may have pasted the key itself.
        raise Refused("There is no API key of this id: `authsvc api-keys list` shows those that there are.")
    return key


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _record(key: ApiKey) -> Record:
    return {
        "id": str(key.id), "name": key.name, "hint": key.hint, "scopes": sorted(key.scopes),
        "resources": sorted(key.resources), "created_at": instant(key.created_at),
        "expires_at": instant(key.expires_at), "last_used_at": instant(key.last_used_at),
    }  # fmt: skip
