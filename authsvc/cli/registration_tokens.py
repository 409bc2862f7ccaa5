"""authsvc clients registration-token: leave to register clients over HTTP, for those who hold one."""

from datetime import timedelta
from uuid import UUID, uuid4

import typer

from authsvc.cli.installation import changing, reading
from authsvc.cli.options import AS_JSON, TENANT
from authsvc.cli.output import Record, instant, show_list
from authsvc.cli.refusal import Refused
from authsvc.crypto import opaque
from authsvc.domain.parties.registration_tokens import RegistrationToken
from authsvc.domain.tenants import REGISTRATION_OFF

commands = typer.Typer(name="registration-token", help="Initial access tokens of client registration (RFC 7591).")


@commands.command()
def add(
    name: str = typer.Argument(help="What you call it, such as the team that gets it."),
    expires_in_days: int = typer.Option(30, min=1, max=366, help="When it expires."),
    uses: int | None = typer.Option(None, min=1, help="How many clients it may register; any number if not said."),
    tenant: str | None = TENANT,
) -> None:
    """Make a token, shown only now."""
    secret = opaque.new_secret(opaque.REGISTRATION_TOKEN)
    with changing(tenant) as desk:
        token = RegistrationToken(
            uuid4(), opaque.hash_secret(secret), name, desk.now, desk.now + timedelta(days=expires_in_days), uses
        )
        desk.uow.registration_tokens.add(token)
        desk.record("registration_token.created", about=f"registration token {token.id}")
        is_off = desk.tenant.client_registration == REGISTRATION_OFF
    typer.echo(f"id                  {token.id}")
    typer.echo(f"registration_token  {secret}")
    typer.echo("The token is shown only now.", err=True)
    if is_off:
        typer.echo(
            f"Registration is off: `authsvc tenants registration {desk.tenant.name} token` turns it on.", err=True
        )


@commands.command("list")
def list_tokens(tenant: str | None = TENANT, as_json: bool = AS_JSON) -> None:
    """List all tokens, oldest first, also those that are over."""
    with reading(tenant) as desk:
        found = [_record(token) for token in desk.uow.registration_tokens.list()]
    show_list(found, as_json=as_json, columns=("id", "name", "uses_left", "expires_at", "revoked_at"))


@commands.command()
def revoke(
    token_id: str = typer.Argument(help="Its id, from `authsvc clients registration-token list`."),
    tenant: str | None = TENANT,
) -> None:
    """Refuse a token from now on; the clients that it registered stay."""
    with changing(tenant) as desk:
        if not desk.uow.registration_tokens.revoke(_id(token_id), desk.now):
            raise Refused("There is no registration token of this id that is not revoked.")
        desk.record("registration_token.revoked", about=f"registration token {token_id}")
    typer.echo(f"revoked registration token {token_id}")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        # It is not repeated: somebody may have pasted the token itself.
        raise Refused("This is no id: `authsvc clients registration-token list` shows those that there are.") from None


def _record(token: RegistrationToken) -> Record:
    return {
        "id": str(token.id), "name": token.name, "uses_left": token.uses_left,
        "created_at": instant(token.created_at), "expires_at": instant(token.expires_at),
        "revoked_at": instant(token.revoked_at),
    }  # fmt: skip
