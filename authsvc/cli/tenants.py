"""authsvc tenants: the table of issuers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from authsvc.cli.installation import Desk, changing, reading
from authsvc.cli.output import Record, instant, show_list
from authsvc.cli.refusal import Refused
from authsvc.domain.tenants import CLIENT_REGISTRATION, LOGO_TYPES, Look, Tenant, check_look, new_tenant

commands = typer.Typer(name="tenants", help="Issuers: each has its own users, clients, resources and keys.")
_LOGO = typer.Option(None, "--logo", metavar="FILE", help="A PNG or SVG of at most 64 KiB.")
_AS_JSON = typer.Option(False, "--json", help="Print JSON.")


@commands.command("list")
def list_tenants(as_json: bool = _AS_JSON) -> None:
    """List all tenants."""
    with reading() as desk:
        show_list(map(_record, desk.tenants), as_json=as_json, columns=("name", "issuer", "default", "disabled_at"))


@commands.command()
def create(
    name: str = typer.Argument(help="a-z, 0-9 and hyphens."),
    issuer: str = typer.Option(help="Its public URL: a host of its own, or a path /t/NAME; it never changes."),
) -> None:
    """Create a tenant beside the default one (which `authsvc migrate` makes)."""
    with changing() as desk:
        default = next(tenant for tenant in desk.tenants if tenant.is_default)
        tenant = new_tenant(name, issuer, desk.now, default)
        desk.uow.tenants.add(tenant)
        desk.record("tenant.created", about=f"tenant {name}")
    typer.echo(f"created tenant {name}: {tenant.issuer}")


@commands.command()
def disable(name: str) -> None:
    """Refuse every request for this tenant, within a second on every node."""
    with changing() as desk:
        tenant = _named(desk, name)
        if tenant.is_default:
            raise Refused("The default tenant cannot be disabled: stop the server instead.")
        desk.uow.tenants.disable(tenant.id, desk.now)
        desk.record("tenant.disabled", about=f"tenant {name}")
    typer.echo(f"disabled tenant {name}")


@commands.command()
def enable(name: str) -> None:
    """Serve a disabled tenant again."""
    with changing() as desk:
        desk.uow.tenants.enable(_named(desk, name).id)
        desk.record("tenant.enabled", about=f"tenant {name}")
    typer.echo(f"enabled tenant {name}")


@commands.command()
def look(  # noqa: PLR0913 - options
    name: str,
    display_name: str | None = typer.Option(None, "--display-name", help="What people are shown as its name."),
    accent: str | None = typer.Option(None, "--accent", help="The colour of buttons and links, #rrggbb."),
    accent_dark: str | None = typer.Option(None, "--accent-dark", help="The same for dark pages."),
    logo: Path | None = _LOGO,
    reset: bool = typer.Option(False, "--reset", help="Forget what was set before."),
) -> None:
    """Change what the tenant's pages look like: what is given, seen within a second on every node."""
    with changing() as desk:
        tenant = _named(desk, name)
        given: dict[str, Any] = {"name": display_name, "accent": accent, "accent_dark": accent_dark} | _logo(logo)
        wanted = {member: value for member, value in given.items() if value is not None}
        desk.uow.tenants.set_look(tenant.id, check_look(replace(Look() if reset else tenant.look, **wanted)))
        desk.record("tenant.look_changed", about=f"tenant {name}")
    typer.echo(f"changed the look of tenant {name}")


@commands.command()
def registration(
    name: str, who: str = typer.Argument(help="off (nobody), token (who has a registration token) or open (everybody).")
) -> None:
    """Say who may register clients over HTTP; off at first."""
    with changing() as desk:
        if who not in CLIENT_REGISTRATION:
            raise Refused(f"Choose among {', '.join(CLIENT_REGISTRATION)}.")
        desk.uow.tenants.set_client_registration(_named(desk, name).id, who)
        desk.record("tenant.registration_changed", about=f"tenant {name}: {who}")
    typer.echo(f"registration of clients at tenant {name}: {who}")


def _logo(file: Path | None) -> dict[str, bytes | str | None]:
    if file is None:
        return {}
    return {"logo": file.read_bytes(), "logo_type": LOGO_TYPES[1] if file.suffix.lower() == ".svg" else LOGO_TYPES[0]}


def _named(desk: Desk, name: str) -> Tenant:
    for tenant in desk.tenants:
        if tenant.name == name:
            return tenant
    raise Refused(f"There is no tenant {name}: `authsvc tenants list` shows those that there are.")


def _record(tenant: Tenant) -> Record:
    return {
        "name": tenant.name, "issuer": tenant.issuer, "default": tenant.is_default, "id": str(tenant.id),
        "client_registration": tenant.client_registration, "look": _look(tenant.look),
        "created_at": instant(tenant.created_at), "disabled_at": instant(tenant.disabled_at),
    }  # fmt: skip


def _look(look: Look) -> Record:
    return {"name": look.name, "accent": look.accent, "accent_dark": look.accent_dark, "logo": look.logo_type}
