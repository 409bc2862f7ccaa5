"""authsvc users: people, by user name, verified address or id."""

from uuid import UUID, uuid4

import typer

from authsvc.cli.installation import Desk, changing, reading
from authsvc.cli.options import AS_JSON, TENANT, YES
from authsvc.cli.output import Record, confirm, instant, secret_input, show_list, show_one
from authsvc.cli.refusal import Refused
from authsvc.cli.user_import import import_users
from authsvc.crypto.passwords import hash_password
from authsvc.domain.people.common_passwords import common_passwords
from authsvc.domain.people.password_reset import replace_password
from authsvc.domain.people.passwords import PasswordPolicy, check_new_password
from authsvc.domain.people.users import User, canonical_login, check_email, check_username
from authsvc.domain.sign_in import session_ends
from authsvc.errors import Conflict
from authsvc.settings import read_settings

commands = typer.Typer(name="users", help="People who sign in.")
commands.command("import")(import_users)
_WHO = typer.Argument(metavar="USER", help="User name, verified address or id.")
_PROMPT = "Password"


@commands.command("list")
def list_users(
    tenant: str | None = TENANT,
    as_json: bool = AS_JSON,
    limit: int = typer.Option(100, min=1, max=1_000, help="At most so many."),
    after: str | None = typer.Option(None, help="Go on after this id, the last one of the list before."),
) -> None:
    """List users in the order of their ids."""
    with reading(tenant) as desk:
        found = [_record(user) for user in desk.uow.users.list(_id(after) if after else None, limit)]
    show_list(found, as_json=as_json, columns=("username", "email", "id", "created_at", "disabled_at"))


@commands.command()
def show(who: str = _WHO, tenant: str | None = TENANT, as_json: bool = AS_JSON) -> None:
    """Show one user."""
    with reading(tenant) as desk:
        show_one(_record(_found(desk, who)), as_json=as_json)


@commands.command()
def create(
    username: str,
    email: str | None = typer.Option(None, help="Address; counts as verified, for you vouch for it."),
    name: str | None = typer.Option(None, help="The person's name."),
    tenant: str | None = TENANT,
) -> None:
    """Create a user; the password is asked for, or read from stdin."""
    username = check_username(username)
    email = check_email(email) if email else None
    password_hash = _new_password_hash(username, email)
    with changing(tenant) as desk:
        user = User(uuid4(), username, email, email is not None, name, password_hash, created_at=desk.now)
        desk.uow.users.add(user)
        desk.record("user.created", user_id=user.id)
    typer.echo(f"created user {user.username}: {user.id}")


@commands.command("set-password")
def set_password(who: str = _WHO, tenant: str | None = TENANT) -> None:
    """Give a user a new password, asked for or read from stdin; sessions and API keys of the old one are over."""
    with reading(tenant) as desk:
        user = _found(desk, who)
    password_hash = _new_password_hash(user.username, user.email)
    with changing(tenant) as desk:
        try:
            ended = replace_password(user, password_hash, desk.uow, desk.now)
        except Conflict:
            raise Refused("The password was changed meanwhile: run the command again.") from None
        desk.record("user.password_set", user_id=user.id)
    typer.echo(f"set the password of {user.username}; {_sessions(ended)}")


@commands.command()
def disable(who: str = _WHO, tenant: str | None = TENANT) -> None:
    """End a user's sessions, revoke their API keys and refuse new ones.

    Access tokens that nobody asks us about live until they expire.
    """
    with changing(tenant) as desk:
        user = _found(desk, who)
        ended = session_ends.disable_user(user.id, desk.uow, desk.now)
        desk.record("user.disabled", user_id=user.id)
    typer.echo(f"disabled user {user.username}; {_sessions(ended)}")


@commands.command()
def enable(who: str = _WHO, tenant: str | None = TENANT) -> None:
    """Let a disabled user sign in again."""
    with changing(tenant) as desk:
        user = _found(desk, who)
        desk.uow.users.enable(user.id)
        desk.record("user.enabled", user_id=user.id)
    typer.echo(f"enabled user {user.username}")


@commands.command("end-sessions")
def end_sessions(who: str = _WHO, tenant: str | None = TENANT) -> None:
    """End all of a user's sessions, on every device."""
    with changing(tenant) as desk:
        user = _found(desk, who)
        ended = session_ends.end_sessions(user.id, desk.uow, desk.now)
        desk.record("user.sessions_ended", user_id=user.id)
    typer.echo(_sessions(ended))


@commands.command()
def delete(who: str = _WHO, yes: bool = YES, tenant: str | None = TENANT) -> None:
    """Delete a user for good, with sessions and refresh tokens."""
    confirm(f"Delete user {who}?", yes=yes)
    with changing(tenant) as desk:
        user = _found(desk, who)
        session_ends.end_sessions(user.id, desk.uow, desk.now)
        desk.uow.users.delete(user.id)
        desk.record("user.deleted", user_id=user.id)
    typer.echo(f"deleted user {user.username}")


def _new_password_hash(username: str, email: str | None) -> str:
    rules = read_settings().passwords
    policy = PasswordPolicy(rules.min_length, rules.min_length_single_factor, common_passwords)
    names = [username, *([email] if email else [])]
    return hash_password(check_new_password(secret_input(_PROMPT), policy, has_second_factor=False, names=names))


def _found(desk: Desk, who: str) -> User:
    user = desk.uow.users.find_by_login(canonical_login(who))
    if user is None and (by_id := _id(who, strict=False)) is not None:
        user = desk.uow.users.get(by_id)
    if user is None:
        raise Refused(f"There is no user {who}: `authsvc users list` shows those that there are.")
    return user


def _id(text: str, *, strict: bool = True) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        if strict:
            raise Refused(f"{text} is no user id: copy one from `authsvc users list`.") from None
        return None


def _sessions(count: int) -> str:
    return f"{count} {'session' if count == 1 else 'sessions'} ended"


def _record(user: User) -> Record:
    return {
        "id": str(user.id), "username": user.username, "email": user.email, "email_verified": user.email_verified,
        "name": user.name, "has_password": user.password_hash is not None, "created_at": instant(user.created_at),
        "disabled_at": instant(user.disabled_at),
    }  # fmt: skip
