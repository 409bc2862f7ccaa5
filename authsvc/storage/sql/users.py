"""People. One namespace for logging in: canonical user names, and canonical addresses once verified."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Insert,
    Integer,
    Select,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from authsvc.domain.people.users import User, canonical_login
from authsvc.errors import Conflict
from authsvc.storage.sql.base import ONE, Instant, JsonMap, Store, given, metadata, owned, tenant_column
from authsvc.storage.sql.prepared import Values

Item = TypeVar("Item")

users = Table(
    "users",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("username", Text, nullable=False),
    Column("username_canonical", Text, nullable=False),
    Column("email", Text),
    Column("email_verified", Boolean, nullable=False),
    # The canonical address once it is verified, else NULL: unverified addresses block nobody.
    Column("email_login", Text),
    Column("name", Text),
    Column("password_hash", Text),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("version", Integer, nullable=False),
    Column("details", JsonMap, nullable=False, server_default="{}"),
    Column("updated_at", Instant),
    UniqueConstraint("tenant_id", "username_canonical"),
    UniqueConstraint("tenant_id", "email_login"),
)

USER_COLUMNS = (
    users.c.id, users.c.username, users.c.email, users.c.email_verified, users.c.name, users.c.password_hash,
    users.c.created_at, users.c.disabled_at, users.c.version, users.c.details, users.c.updated_at,
)  # fmt: skip
_USER = select(*USER_COLUMNS).where(owned(users))
_THIS = (owned(users), users.c.id == given("which", users.c.id))

_GET = _USER.where(_THIS[1])
_BY_NAME = _USER.where(users.c.username_canonical == bindparam("login"))
_BY_EMAIL = _USER.where(users.c.email_login == bindparam("login"))
_FIRST = _USER.order_by(users.c.id).limit(bindparam("most"))
_AFTER = _FIRST.where(users.c.id > given("after", users.c.id))
_ADD = insert(users).on_conflict_do_nothing().returning(users.c.id)
_MANY = 100
"""Rows of one statement; SQLite counts its parameters."""
_SAVE_PROFILE = (
    update(users)
    .where(*_THIS, users.c.version == given("expected_version", users.c.version))
    .values(
        username=bindparam("username"), username_canonical=bindparam("username_canonical"), name=bindparam("name"),
        email=bindparam("email"), email_verified=bindparam("email_verified"), email_login=bindparam("email_login"),
        details=bindparam("details"), updated_at=bindparam("updated_at"), version=users.c.version + 1,
    )
    .returning(*USER_COLUMNS)
)  # fmt: skip
# No new version: a rehash at sign-in must not refuse the profile that someone is editing meanwhile.
_SET_PASSWORD_HASH = (
    update(users)
    .where(*_THIS, users.c.password_hash.is_not_distinct_from(given("instead_of", users.c.password_hash)))
    .values(password_hash=bindparam("password_hash"))
)
_VERIFY_EMAIL = (
    update(users)
    .where(*_THIS, users.c.email == given("proved", users.c.email))
    .values(email_verified=True, email_login=bindparam("email_login"), version=users.c.version + 1)
)
_DISABLE = (
    update(users)
    .where(*_THIS, users.c.disabled_at.is_(None))
    .values(disabled_at=bindparam("now"), version=users.c.version + 1)
)
_ENABLE = (
    update(users).where(*_THIS, users.c.disabled_at.is_not(None)).values(disabled_at=None, version=users.c.version + 1)
)
_DELETE = delete(users).where(*_THIS)


# Long to build, and a server never needs them: made when they are first asked for.
@cache
def _add_many() -> Insert:
    rows = [{c.name: bindparam(f"{c.name}_{n}", type_=c.type) for c in users.c} for n in range(_MANY)]
    return insert(users).values(rows).on_conflict_do_nothing().returning(users.c.id)


@cache
def _add_arrays() -> Insert:
    """For PostgreSQL: one array for each column, for its driver looks at each parameter of each statement again."""
    arrays = func.unnest(*(bindparam(f"{c.name}_all", type_=ARRAY(c.type)) for c in users.c))
    rows = select(*arrays.table_valued(*(column(c.name, c.type) for c in users.c)).render_derived().c)
    return insert(users).from_select(list(users.c), rows).on_conflict_do_nothing().returning(users.c.id)


@cache
def _by_logins(which: Column[Any]) -> Select[Any]:
    """By one column, for its index: with both in one statement SQLite reads all users of the tenant."""
    return _USER.where(which.in_([bindparam(f"login_{n}", type_=Text()) for n in range(_MANY)]))


@cache
def _by_login_array(which: Column[Any]) -> Select[Any]:
    """For PostgreSQL: each by itself, for of all at once it may think that reading the whole tenant is shorter."""
    asked = func.unnest(bindparam("logins", type_=ARRAY(Text))).table_valued(column("login", Text)).render_derived()
    found = _USER.where(which == asked.c.login).limit(ONE).lateral()
    return select(*found.c).select_from(asked.join(found, true()))


class SqlUsers(Store):
    """Implements Users."""

    def get(self, user_id: UUID) -> User | None:
        """Return the user of that id."""
        row = self._work.row(_GET, tenant=self._tenant_id, which=user_id)
        return None if row is None else User(*row)

    def find_by_login(self, canonical: str) -> User | None:
        """By canonical user name, or by canonical verified address when it has an @."""
        row = self._work.row(_BY_EMAIL if "@" in canonical else _BY_NAME, tenant=self._tenant_id, login=canonical)
        return None if row is None else User(*row)

    def list(self, after: UUID | None, limit: int) -> tuple[User, ...]:
        """Return a page in the order of ids."""
        if after is None:
            rows = self._work.rows(_FIRST, tenant=self._tenant_id, most=limit)
        else:
            rows = self._work.rows(_AFTER, tenant=self._tenant_id, most=limit, after=after)
        return tuple(User(*row) for row in rows)

    def list_by_logins(self, canonical: Collection[str]) -> tuple[User, ...]:
        """Return everybody whose canonical user name or verified address is among these, which may be any number."""
        names = [login for login in canonical if "@" not in login]
        addresses = [login for login in canonical if "@" in login]
        found = [*self._all(users.c.username_canonical, names), *self._all(users.c.email_login, addresses)]
        return tuple({user.id: user for user in found}.values())

    def add_many(self, users: Sequence[User]) -> frozenset[UUID]:
        """Add those whose name, and address when verified, nobody has; return their ids."""
        if not users:
            return frozenset()
        rows = [self._row(user) for user in users]
        if self._work.has_arrays:
            columns = {f"{name}_all": [row[name] for row in rows] for name in rows[0]}
            return frozenset(row[0] for row in self._work.write_returning(_add_arrays(), **columns))
        added: list[Values] = []
        for some in _in_parts(rows):
            if len(some) == _MANY:
                values = {f"{name}_{n}": value for n, row in enumerate(some) for name, value in row.items()}
                added += self._work.write_returning(_add_many(), **values)
            else:
                added += (row for each in some for row in self._work.write_returning(_ADD, **each))
        return frozenset(row[0] for row in added)

    def add(self, user: User) -> None:
        """Raises: Conflict if the name is taken, or the address when verified."""
        if not self._work.write_returning(_ADD, **self._row(user)):
            raise Conflict("user: name or verified address is taken")

    def save_profile(self, user: User) -> User:
        """Write name, address and details if nobody changed the user since; return it with its next version.

        Raises: Conflict (changed since, or name or verified address taken: then the transaction is over, too).
        """
        saved = self._work.write_returning(
            _SAVE_PROFILE, tenant=self._tenant_id, which=user.id, expected_version=user.version, **_profile(user)
        )
        if not saved:
            raise Conflict("user: changed since it was read")
        return User(*saved[0])

    def set_password_hash(self, user_id: UUID, password_hash: str, *, instead_of: str | None) -> bool:
        """Replace the hash if it still is `instead_of`; False if it no longer is."""
        changed = self._work.write(
            _SET_PASSWORD_HASH, tenant=self._tenant_id, which=user_id, instead_of=instead_of,
            password_hash=password_hash,
        )  # fmt: skip
        return changed == 1

    def verify_email(self, user_id: UUID, email: str) -> bool:
        """Mark the address verified if it still is the user's. Raises: Conflict if another user has it verified."""
        changed = self._work.write(
            _VERIFY_EMAIL, tenant=self._tenant_id, which=user_id, proved=email, email_login=canonical_login(email)
        )
        return changed == 1

    def disable(self, user_id: UUID, now: datetime) -> bool:
        """False if not there or disabled already."""
        return self._work.write(_DISABLE, tenant=self._tenant_id, which=user_id, now=now) == 1

    def enable(self, user_id: UUID) -> bool:
        """False if not there or not disabled."""
        return self._work.write(_ENABLE, tenant=self._tenant_id, which=user_id) == 1

    def delete(self, user_id: UUID) -> bool:
        """Delete the user; sessions, families and links go with it by foreign key."""
        return self._work.write(_DELETE, tenant=self._tenant_id, which=user_id) == 1

    def _all(self, which: Column[Any], logins: Sequence[str]) -> Iterator[User]:
        if self._work.has_arrays:
            rows = self._work.rows(_by_login_array(which), tenant=self._tenant_id, logins=list(logins))
            yield from (User(*row) for row in rows)
            return
        for some in _in_parts(logins):
            # The places that are left over ask for the last one again.
            values = {f"login_{n}": some[min(n, len(some) - 1)] for n in range(_MANY)}
            yield from (User(*row) for row in self._work.rows(_by_logins(which), tenant=self._tenant_id, **values))

    def _row(self, user: User) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant_id, "id": user.id, "password_hash": user.password_hash,
            "created_at": user.created_at, "disabled_at": user.disabled_at, "version": user.version, **_profile(user),
        }  # fmt: skip


def _in_parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _MANY):
        yield items[start : start + _MANY]


def _profile(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "username_canonical": canonical_login(user.username),
        "name": user.name,
        "email": user.email,
        "email_verified": user.email_verified,
        "email_login": canonical_login(user.email) if user.email and user.email_verified else None,
        "details": user.details,
        "updated_at": user.updated_at,
    }
