"""authsvc keys: signing keys of a tenant, and the master keys under which they lie encrypted."""

import typer

from authsvc.cli.installation import Desk, all_tenants, changing, key_policy, opened, reading, unit
from authsvc.cli.master_file import add_master_key, init_master_keys, make_current, read_master_keys
from authsvc.cli.output import Record, confirm, instant, show_list
from authsvc.cli.refusal import Refused
from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.domain.keyring import UNPUBLISHED, KeyRecord, Keyring
from authsvc.domain.reencryption import reencrypt
from authsvc.settings import read_settings

commands = typer.Typer(name="keys", help="Signing keys, and the master keys that encrypt them.")
_TENANT = typer.Option(None, "--tenant", help="Tenant, if not the default one.")


@commands.command("list")
def list_keys(tenant: str | None = _TENANT, as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List the signing keys of a tenant, and what each does now."""
    with reading(tenant) as desk:
        records = [record for record in desk.uow.keys.list() if record.algorithm not in UNPUBLISHED]
        found = [_record(record, desk, records) for record in records]
    show_list(found, as_json=as_json, columns=("kid", "algorithm", "state", "activates_at", "retires_at"))


@commands.command()
def rotate(
    algorithm: str = typer.Argument(help=f"One of {', '.join(SIGNING_ALGORITHMS)}."), tenant: str | None = _TENANT
) -> None:
    """Publish a new signing key; it signs once every verifier's cached key set has it, and no token is refused."""
    if algorithm not in SIGNING_ALGORITHMS:
        raise Refused(f"There is no algorithm {algorithm}: choose one of {', '.join(SIGNING_ALGORITHMS)}.")
    with changing(tenant) as desk:
        record = _keyring(desk).rotate(algorithm, desk.uow, desk.now)
        desk.record("key.rotated", about=f"{algorithm} {record.kid}")
    typer.echo(f"published {algorithm} key {record.kid}, which signs from {instant(record.activates_at)} on")


# A kid may begin with a hyphen, for it is base64url (RFC 7638), and is no option then.
@commands.command(context_settings={"ignore_unknown_options": True})
def revoke(
    kid: str, yes: bool = typer.Option(False, "--yes", help="Do not ask."), tenant: str | None = _TENANT
) -> None:
    """Take a leaked signing key out of the key set and replace it at once; every token that it signed is refused here.

    Services that validate tokens themselves go on trusting it until they fetch the key set again.
    """
    confirm(f"Revoke key {kid}? Every token that it signed becomes worthless.", yes=yes)
    with changing(tenant) as desk:
        if not _keyring(desk).revoke(kid, desk.uow, desk.now):
            raise Refused(
                f"There is no key {kid} that could be revoked: `authsvc keys list` shows those that there are."
            )
        desk.record("key.revoked", about=kid)
    typer.echo(f"revoked key {kid} and put a new one in its place")


@commands.command("init-master")
def init_master() -> None:
    """Make the master key file, mode 0600; an existing one is never touched."""
    path = read_settings().master_key_file
    if not init_master_keys(path):
        raise Refused(f"{path} is there already: `authsvc keys rotate-master` adds a new key to it.")
    typer.echo(f"created {path}; back it up apart from the database: without it every secret in there is lost")


@commands.command("rotate-master")
def rotate_master(
    to: str | None = typer.Option(None, "--to", metavar="KEY_ID", help="Step 2: make this key the current one."),
) -> None:
    """Replace the master key while servers run, in steps, none of which makes a running server fail.

    \b
    1. authsvc keys rotate-master            adds a new key to the file; nothing is encrypted under it yet.
       Give the file to every node and restart the servers: now all of them know it.
    2. authsvc keys rotate-master --to ID    makes it the current key and encrypts every secret anew under it.
       Give the file to every node and restart the servers: now they encrypt under it, too.
    3. The same command once more encrypts what servers wrote meanwhile under the old key, and says
       which lines may be removed from the file.

    A step that was interrupted is finished by the same command. If no server runs, 1 and 2 may follow at once.
    """  # noqa: D301 - \b keeps the lines of the steps apart
    settings = read_settings()
    path = settings.master_key_file
    old = read_master_keys(path)
    if to is None:
        key_id = add_master_key(path)
        typer.echo(f"added {key_id} to {path}, behind the current key {old.current}")
        typer.echo("next: give the file to every node, restart the servers, then run")
        typer.echo(f"  authsvc keys rotate-master --to {key_id}")
        return
    keys = make_current(path, to)
    count = 0
    with opened(settings) as storage:
        for tenant in all_tenants(storage):
            with unit(storage, tenant.id) as uow:
                uow.begin()
                count += reencrypt(uow, keys)
    if count or old.current != to:
        typer.echo(f"{to} is the current master key; {count} secrets were encrypted anew under it")
        typer.echo("next: give the file to every node, restart the servers, then run this command once more")
        return
    older = ", ".join(key_id for key_id in keys.keys if key_id != to)
    typer.echo(f"every secret lies encrypted under {to}")
    if older:
        minutes = -(-settings.lifetimes.mailed_link // 60)
        typer.echo(
            f"if the servers were restarted at least {minutes} minutes ago (mailed links live so long), "
            f"the lines of {older} may be removed from {path}"
        )


def _keyring(desk: Desk) -> Keyring:
    return Keyring(read_master_keys(desk.settings.master_key_file), key_policy(desk.settings))


def _record(record: KeyRecord, desk: Desk, records: list[KeyRecord]) -> Record:
    signing = [known for known in records if known.algorithm == record.algorithm and known.may_sign(desk.now)]
    if record.revoked_at is not None:
        state = "revoked"
    elif not record.is_published(desk.now):
        state = "retired"
    elif record.activates_at > desk.now:
        state = "published, will sign"
    else:
        state = "signs" if signing and signing[-1].kid == record.kid else "verifies only"
    return {
        "kid": record.kid, "algorithm": record.algorithm, "state": state, "created_at": instant(record.created_at),
        "activates_at": instant(record.activates_at), "retires_at": instant(record.retires_at),
        "revoked_at": instant(record.revoked_at),
    }  # fmt: skip
