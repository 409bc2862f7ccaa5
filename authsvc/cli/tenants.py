"""authsvc tenants: the table of issuers."""

import typer

from authsvc.cli.installation import Desk, changing, reading
from authsvc.cli.output import Record, instant, show_list
from authsvc.cli.refusal import Refused
from authsvc.domain.tenants import Tenant, new_tenant

commands = typer.Typer(name="tenants", help="Issuers: each has its own users, clients, resources and keys.")
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


def _named(desk: Desk, name: str) -> Tenant:
    for tenant in desk.tenants:
        if tenant.name == name:
            return tenant
    raise Refused(f"There is no tenant {name}: `authsvc tenants list` shows those that there are.")


def _record(tenant: Tenant) -> Record:
    return {
        "name": tenant.name, "issuer": tenant.issuer, "default": tenant.is_default, "id": str(tenant.id),
        "created_at": instant(tenant.created_at), "disabled_at": instant(tenant.disabled_at),
    }  # fmt: skip
