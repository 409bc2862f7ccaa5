"""authsvc migrate: bring the database to this version's schema, and make the default tenant."""

import typer

from authsvc.cli.installation import NO_TENANT, require_migrated, unit
from authsvc.cli.refusal import DATABASE, Refused
from authsvc.clock import utc_now
from authsvc.domain.tenants import new_tenant
from authsvc.settings import Settings, read_settings
from authsvc.storage.sql import migrate as migrations
from authsvc.storage.sql.engine import open_storage


def migrate() -> None:
    """Bring the database to this version's schema; several may run at once, and an interrupted one is run again."""
    settings = read_settings()
    for line in bring_up(settings):
        typer.echo(line)
    created = make_default_tenant(settings)
    if created:
        typer.echo(f"created the default tenant for {settings.issuer}")


def bring_up(settings: Settings) -> list[str]:
    """Apply what is pending; return what to say about it. Raises: Refused, StorageUnavailable."""
    database_url = settings.database_url
    try:
        lacking = migrations.pending(database_url)
    except ValueError as error:
        raise Refused(f"{DATABASE} is wrong: {str(error).removeprefix('database_url: ')}.") from None
    if lacking:
        migrations.migrate(database_url)
    require_migrated(database_url)
    return [f"applied {revision}" for revision in lacking] or ["already up to date"]


def make_default_tenant(settings: Settings) -> bool:
    """Make the tenant of AUTHSVC_ISSUER if there is no default one; whether it was made. Raises: IssuerInvalid."""
    storage = open_storage(settings.database_url, pool_size=1, cache=None)
    try:
        with unit(storage, NO_TENANT) as uow:
            uow.begin()
            if any(tenant.is_default for tenant in uow.tenants.list()):
                return False
            uow.tenants.add(new_tenant("default", settings.issuer, utc_now(), None))
            return True
    finally:
        storage.close()
