"""authsvc resources: the APIs that tokens are for."""

from dataclasses import replace

import typer

from authsvc.cli.installation import Desk, changing, reading
from authsvc.cli.output import Record, confirm, instant, show_list, show_one
from authsvc.cli.refusal import Refused
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.domain.resources import Resource, check_resource

commands = typer.Typer(name="resources", help="APIs that tokens are for: audience, scopes, lifetime, algorithm.")
_AUDIENCE = typer.Argument(help="Its identifier, an absolute URI such as https://api.example.com.")
_TENANT = typer.Option(None, "--tenant", help="Tenant, if not the default one.")
_AS_JSON = typer.Option(False, "--json", help="Print JSON.")
_SCOPES = typer.Option(None, "--scope", help="A scope of this API; repeat for more.")
_SECONDS = typer.Option(None, "--access-token-seconds", help="Lifetime of its access tokens.")
_ALGORITHM = f"Signature of its access tokens: {', '.join(SIGNING_ALGORITHMS)}."


@commands.command("list")
def list_resources(tenant: str | None = _TENANT, as_json: bool = _AS_JSON) -> None:
    """List all resources."""
    with reading(tenant) as desk:
        found = [_record(resource) for resource in desk.uow.resources.list()]
    show_list(found, as_json=as_json, columns=("audience", "name", "scopes", "algorithm", "disabled_at"))


@commands.command()
def show(audience: str = _AUDIENCE, tenant: str | None = _TENANT, as_json: bool = _AS_JSON) -> None:
    """Show one resource."""
    with reading(tenant) as desk:
        show_one(_record(_found(desk, audience)), as_json=as_json)


@commands.command()
def create(  # noqa: PLR0913 - options
    audience: str = _AUDIENCE,
    name: str = typer.Option("", help="A name for people."),
    scope: list[str] | None = _SCOPES,
    algorithm: str = typer.Option("ES256", help=_ALGORITHM),
    access_token_seconds: int | None = _SECONDS,
    tenant: str | None = _TENANT,
) -> None:
    """Register a resource."""
    with changing(tenant) as desk:
        resource = Resource(
            audience, name or audience, frozenset(scope or ()), algorithm, access_token_seconds, created_at=desk.now
        )
        desk.uow.resources.add(check_resource(resource, SIGNING_ALGORITHMS))
        desk.record("resource.created", about=audience)
    typer.echo(
        f"created resource {audience}; let a client use it with `authsvc clients update ID --resource {audience}`"
    )


@commands.command()
def update(  # noqa: PLR0913 - options
    audience: str = _AUDIENCE,
    name: str | None = typer.Option(None, help="A name for people."),
    scope: list[str] | None = _SCOPES,
    algorithm: str | None = typer.Option(None, help=_ALGORITHM),
    access_token_seconds: int | None = _SECONDS,
    tenant: str | None = _TENANT,
) -> None:
    """Change what is given; --scope replaces all of its scopes."""
    with changing(tenant) as desk:
        old = _found(desk, audience)
        resource = replace(
            old,
            name=name if name is not None else old.name,
            scopes=frozenset(scope) if scope else old.scopes,
            algorithm=algorithm or old.algorithm,
            access_token_seconds=access_token_seconds or old.access_token_seconds,
        )
        desk.uow.resources.save(check_resource(resource, SIGNING_ALGORITHMS))
        desk.record("resource.updated", about=audience)
    typer.echo(f"updated resource {audience}")


@commands.command()
def disable(audience: str = _AUDIENCE, tenant: str | None = _TENANT) -> None:
    """Issue no more tokens for it; those that are out live until they expire."""
    with changing(tenant) as desk:
        desk.uow.resources.disable(_found(desk, audience).audience, desk.now)
        desk.record("resource.disabled", about=audience)
    typer.echo(f"disabled resource {audience}")


@commands.command()
def enable(audience: str = _AUDIENCE, tenant: str | None = _TENANT) -> None:
    """Issue tokens for it again."""
    with changing(tenant) as desk:
        desk.uow.resources.enable(_found(desk, audience).audience)
        desk.record("resource.enabled", about=audience)
    typer.echo(f"enabled resource {audience}")


@commands.command()
def delete(
    audience: str = _AUDIENCE,
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    tenant: str | None = _TENANT,
) -> None:
    """Delete a resource for good."""
    confirm(f"Delete resource {audience}?", yes=yes)
    with changing(tenant) as desk:
        desk.uow.resources.delete(_found(desk, audience).audience)
        desk.record("resource.deleted", about=audience)
    typer.echo(f"deleted resource {audience}")


def _found(desk: Desk, audience: str) -> Resource:
    for resource in desk.uow.resources.list():
        if resource.audience == audience:
            return resource
    raise Refused(f"There is no resource {audience}: `authsvc resources list` shows those that there are.")


def _record(resource: Resource) -> Record:
    return {
        "audience": resource.audience, "name": resource.name, "scopes": sorted(resource.scopes),
        "algorithm": resource.algorithm, "access_token_seconds": resource.access_token_seconds,
        "created_at": instant(resource.created_at), "disabled_at": instant(resource.disabled_at),
    }  # fmt: skip
