"""Users of another system, taken over in batches: each row becomes a user, or is refused in words.

Nobody who is here already is changed. So a file may be imported again, after an interruption or with its bad rows
mended: rows that are here exactly so are passed over, and those that differ are refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from authsvc.crypto.errors import UnsupportedHash
from authsvc.crypto.passwords import check_importable
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.people.ports import Users
from authsvc.domain.people.profile import DETAILS, with_changes
from authsvc.domain.people.user_imports import RefusedRow
from authsvc.domain.people.user_rows import FIELDS, FileUnreadable, Row
from authsvc.domain.people.users import User, canonical_login

BATCH: Final = 1_000
"""Rows of one transaction."""
_PROFILE: Final = frozenset({"username", "email", "name"}) | DETAILS
_SWITCHES: Final = frozenset({"email_verified", "disabled"})


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A row that may become this user."""

    line: int
    user: User


Checked = Newcomer | RefusedRow


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some rows; `last_line` is where the last of them begins."""

    last_line: int = 0
    added: int = 0
    unchanged: int = 0
    refused: tuple[RefusedRow, ...] = ()


def in_words(added: int, unchanged: int, refused: int, *, dry_run: bool) -> str:
    """Say what became of rows."""
    verb = "would be added" if dry_run else "added"
    rows = count_of_rows(added + unchanged + refused)
    return f"{rows}: {added:,} {verb}, {unchanged:,} here already, {refused:,} refused"


def count_of_rows(count: int) -> str:
    """Return the number of rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"


def check_rows(rows: Iterable[Row], now: datetime) -> Iterator[Checked]:
    """Yield for each row the user that it describes, or why it describes none; nothing is hashed or stored."""
    for row in rows:
        if row.problem:
            yield RefusedRow(row.line, row.problem)
            continue
        try:
            yield Newcomer(row.line, _user(row.values, now))
        except FieldsInvalid as error:
            problems = (f"{problem.field}: {problem.message}" for problem in error.problems)
            yield RefusedRow(row.line, "; ".join(problems))


def in_batches(checked: Iterable[Checked]) -> Iterator[list[Checked]]:
    """Yield batches of at most BATCH rows. Raises: FileUnreadable, after all that stands before the fault."""
    batch: list[Checked] = []
    try:
        for each in checked:
            batch.append(each)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except FileUnreadable:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def store_batch(checked: Sequence[Checked], users: Users, *, dry_run: bool = False) -> Outcome:
    """Add those of a batch that are new; the caller's transaction makes it last, all or nothing.

    A dry run only looks. It finds rows that collide with somebody who is here, or with an earlier row of the batch.
    """
    newcomers = [each for each in checked if isinstance(each, Newcomer)]
    added = frozenset() if dry_run else users.add_many([each.user for each in newcomers])
    rest = [each for each in newcomers if each.user.id not in added]
    logins = {login for each in rest for login in _logins(each.user)}
    here = {login: user for user in users.list_by_logins(logins) for login in _logins(user)}
    refused = [each for each in checked if isinstance(each, RefusedRow)]
    new, unchanged = len(added), 0
    for each in rest:
        found = [here[login] for login in _logins(each.user) if login in here]
        if not found and dry_run:
            here |= dict.fromkeys(_logins(each.user), each.user)
            new += 1
        elif reason := _collision(each.user, found):
            refused.append(RefusedRow(each.line, reason))
        else:
            unchanged += 1
    refused.sort(key=lambda each: each.line)
    return Outcome(checked[-1].line if checked else 0, new, unchanged, tuple(refused))


def _user(given: Mapping[str, Any], now: datetime) -> User:
    """Return the user of a row. Raises: FieldsInvalid naming each bad field."""
    values = {name: value for name, value in given.items() if value is not None}
    problems = list(_about_types(values))
    if problems:
        raise FieldsInvalid(tuple(problems))
    is_disabled, is_verified = (_truth(values.get(name)) or False for name in ("disabled", "email_verified"))
    blank = User(
        uuid4(), username="", email=None, email_verified=False, name=None, password_hash=None, created_at=now,
        disabled_at=now if is_disabled else None,
    )  # fmt: skip
    try:
        user = with_changes(blank, {"username": ""} | {name: values[name] for name in _PROFILE & values.keys()})
    except FieldsInvalid as error:
        user, problems = blank, list(error.problems)
    password_hash = values.get("password_hash")
    if is_verified and "email" not in values:
        problems.append(FieldProblem("email_verified", "there is no address to be verified"))
    try:
        if password_hash is not None:
            check_importable(password_hash)
    except UnsupportedHash as error:
        problems.append(FieldProblem("password_hash", str(error)))
    if problems:
        raise FieldsInvalid(tuple(problems))
    return replace(user, email_verified=is_verified, password_hash=password_hash)


def _about_types(values: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if not values.keys() <= FIELDS:
        # Nor is its name told: who mixed up names and values finds a person's data there.
        yield FieldProblem("a field", f"is none of {', '.join(sorted(FIELDS))}")
    for name in sorted(values.keys() & FIELDS):
        if name in _SWITCHES:
            if _truth(values[name]) is None:
                yield FieldProblem(name, "true or false")
        elif not isinstance(values[name], str):
            yield FieldProblem(name, "a text")


def _truth(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.casefold())
    return value if isinstance(value, bool) else None


def _logins(user: User) -> tuple[str, ...]:
    """Return the names under which the user signs in, which nobody else may have."""
    name = canonical_login(user.username)
    return (name, canonical_login(user.email)) if user.email and user.email_verified else (name,)


def _collision(user: User, found: Sequence[User]) -> str:
    """Return why the user cannot be added beside those who are here; nothing if it is here already, exactly so."""
    if not found:
        return "somebody had this user name or address a moment ago: import the row again"
    same_name = [other for other in found if canonical_login(other.username) == canonical_login(user.username)]
    if not same_name:
        return "email: another user has this address, verified"
    differing = _differences(user, same_name[0])
    if not differing:
        return ""
    return f"username: a user of this name is here already, with another {', '.join(differing)}"


def _differences(user: User, other: User) -> list[str]:
    differing = [
        name
        for name in ("username", "email", "email_verified", "name", "details", "password_hash")
        if getattr(user, name) != getattr(other, name)
    ]
    return differing + ["disabled"] * ((user.disabled_at is None) != (other.disabled_at is None))
