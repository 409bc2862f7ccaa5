"""Refresh families: one row each, however often it is refreshed. `rotate` is the single use of a token."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update

from authsvc.domain.sign_in.sessions import FamilyState, RefreshFamily, Session
from authsvc.storage.sql.base import EPOCH, Store, given, owned
from authsvc.storage.sql.sessions import SESSION_COLUMNS, refresh_families, sessions
from authsvc.storage.sql.users import users

_DAY = timedelta(days=1)
_FAMILY_COLUMNS = tuple(column for column in refresh_families.c if column.name not in {"tenant_id", "over_at"})
_THIS = (owned(refresh_families), refresh_families.c.id == given("which", refresh_families.c.id))
_ALIVE = refresh_families.c.ended_at.is_(None)
_ENDED: dict[str, Any] = {"ended_at": bindparam("now"), "over_at": bindparam("now")}

_FIND = (
    select(*_FAMILY_COLUMNS, *SESSION_COLUMNS, users.c.disabled_at)
    .join(
        sessions,
        (sessions.c.tenant_id == refresh_families.c.tenant_id) & (sessions.c.id == refresh_families.c.session_id),
    )
    .join(users, (users.c.tenant_id == sessions.c.tenant_id) & (users.c.id == sessions.c.user_id))
    .where(*_THIS)
)
_ADD = refresh_families.insert()
_ROTATE = (
    update(refresh_families)
    .where(
        *_THIS,
        refresh_families.c.current_hash == given("presented_hash", refresh_families.c.current_hash),
        refresh_families.c.generation == given("presented_generation", refresh_families.c.generation),
        _ALIVE,
        refresh_families.c.idle_expires_at > given("now", refresh_families.c.idle_expires_at),
        refresh_families.c.expires_at > given("now", refresh_families.c.expires_at),
    )
    .values(
        current_hash=bindparam("successor_hash"), previous_hash=refresh_families.c.current_hash,
        generation=refresh_families.c.generation + 1, rotated_at=given("now", refresh_families.c.rotated_at),
        idle_expires_at=bindparam("next_idle_expires_at"), over_at=bindparam("next_over_at"),
    )
    .returning(refresh_families.c.generation)
)  # fmt: skip
_END = update(refresh_families).where(*_THIS, _ALIVE).values(_ENDED)


class SqlFamilies(Store):
    """Implements RefreshFamilies."""

    def find(self, family_id: UUID) -> FamilyState | None:
        """Return the family with what a refresh must know of its owner, in one statement."""
        row = self._work.row(_FIND, tenant=self._tenant_id, which=family_id)
        if row is None:
            return None
        cut = len(_FAMILY_COLUMNS)
        return FamilyState(RefreshFamily(*row[:cut]), Session(*row[cut:-1]), user_disabled=row[-1] is not None)

    def add(self, family: RefreshFamily) -> None:
        """Raises: Conflict if the session is gone."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, id=family.id, session_id=family.session_id, user_id=family.user_id,
            client_id=family.client_id, scopes=family.scopes, resources=family.resources,
            current_hash=family.current_hash, previous_hash=family.previous_hash, generation=family.generation,
            rotated_at=family.rotated_at, created_at=family.created_at, idle_expires_at=family.idle_expires_at,
            expires_at=family.expires_at, ended_at=family.ended_at,
            over_at=family.ended_at or _next_day(min(family.idle_expires_at, family.expires_at)),
            userinfo_claims=family.userinfo_claims, told_session_id=family.told_session_id,
            authenticated_at=family.authenticated_at, amr=family.amr,
        )  # fmt: skip

    def rotate(  # noqa: PLR0913 - the statement's own terms
        self, family_id: UUID, *, presented_hash: str, successor_hash: str, generation: int, now: datetime,
        idle_expires_at: datetime,
    ) -> bool:  # fmt: skip
        """Make the successor current if `presented_hash` is current at `generation` and the family is alive.

        An ended session has ended its families, too, so their own end is all there is to ask.
        """
        rotated = self._work.write_returning(
            _ROTATE, tenant=self._tenant_id, which=family_id, presented_hash=presented_hash,
            presented_generation=generation, now=now, successor_hash=successor_hash,
            next_idle_expires_at=idle_expires_at, next_over_at=_next_day(idle_expires_at),
        )  # fmt: skip
        return len(rotated) == 1

    def end(self, family_id: UUID, now: datetime) -> bool:
        """False if it is not there or had ended already."""
        return self._work.write(_END, tenant=self._tenant_id, which=family_id, now=now) == 1


def _next_day(instant: datetime) -> datetime:
    return EPOCH + _DAY * ((instant - EPOCH) // _DAY + 1)
