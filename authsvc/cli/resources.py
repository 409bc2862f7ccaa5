"""authsvc resources: the APIs that tokens are for."""

from dataclasses import replace

import typer

from authsvc.cli import registered
from authsvc.cli.installation import changing, reading
from authsvc.cli.options import AS_JSON, TENANT
from authsvc.cli.output import Record, instant, show_list, show_one
from authsvc.cli.switches import Noun, add_switches
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.domain.administration import check_audience
from authsvc.domain.parties.resources import JWT, OPAQUE, TOKEN_FORMATS, Resource, check_resource

commands = typer.Typer(name="resources", help="APIs that tokens are for: audience, scopes, lifetime, algorithm.")
_AUDIENCE = typer.Argument(help="Its identifier, an absolute URI such as https://api.example.com.")
_SCOPES = typer.Option(None, "--scope", help="A scope of this API; repeat for more.")
_SECONDS = typer.Option(None, "--access-token-seconds", help="Lifetime of its access tokens.")
_FORMAT = f"Its access tokens: {' or '.join(TOKEN_FORMATS)} ({OPAQUE}: it must introspect each of them)."
_ALGORITHM = f"Signature of its access tokens: {', '.join(SIGNING_ALGORITHMS)}."


@commands.command("list")
def list_resources(tenant: str | None = TENANT, as_json: bool = AS_JSON) -> None:
    """List all resources."""
    with reading(tenant) as desk:
        found = [_record(resource) for resource in desk.uow.resources.list()]
    show_list(found, as_json=as_json, columns=("audience", "name", "scopes", "algorithm", "disabled_at"))


@commands.command()
def show(audience: str = _AUDIENCE, tenant: str | None = TENANT, as_json: bool = AS_JSON) -> None:
    """Show one resource."""
    with reading(tenant) as desk:
        show_one(_record(registered.resource(desk, audience)), as_json=as_json)


@commands.command()
def create(  # noqa: PLR0913 - options
    audience: str = _AUDIENCE,
    name: str = typer.Option("", help="A name for people."),
    scope: list[str] | None = _SCOPES,
    algorithm: str = typer.Option("ES256", help=_ALGORITHM),
    access_token_seconds: int | None = _SECONDS,
    token_format: str = typer.Option(JWT, "--token-format", help=_FORMAT),
    tenant: str | None = TENANT,
) -> None:
    """Register a resource."""
    with changing(tenant) as desk:
        resource = Resource(
            audience, name or audience, frozenset(scope or ()), algorithm, access_token_seconds,
            created_at=desk.now, token_format=token_format,
        )  # fmt: skip
        check_audience(audience, desk.tenant)
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
    token_format: str | None = typer.Option(None, "--token-format", help=_FORMAT),
    tenant: str | None = TENANT,
) -> None:
    """Change what is given; --scope replaces all of its scopes."""
    with changing(tenant) as desk:
        old = registered.resource(desk, audience)
        resource = replace(
            old,
            name=name if name is not None else old.name,
            scopes=frozenset(scope) if scope else old.scopes,
            algorithm=algorithm or old.algorithm,
            access_token_seconds=access_token_seconds or old.access_token_seconds,
            token_format=token_format or old.token_format,
        )
        desk.uow.resources.save(check_resource(resource, SIGNING_ALGORITHMS))
        desk.record("resource.updated", about=audience)
    typer.echo(f"updated resource {audience}")


add_switches(
    commands,
    Noun(
        word="resource",
        argument=_AUDIENCE,
        found=registered.resource,
        store=lambda uow: uow.resources,
        disabling="Issue no more tokens for it; those that are out live until they expire.",
        enabling="Issue tokens for it again.",
        deleting="Delete a resource for good.",
    ),
)


def _record(resource: Resource) -> Record:
    return {
        "audience": resource.audience, "name": resource.name, "scopes": sorted(resource.scopes),
        "algorithm": resource.algorithm, "access_token_seconds": resource.access_token_seconds,
        "token_format": resource.token_format,
        "created_at": instant(resource.created_at), "disabled_at": instant(resource.disabled_at),
    }  # fmt: skip
