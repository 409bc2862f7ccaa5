"""Imports the files of users that were handed over, batch by batch, each tenant in its turn.

A batch and the import's new position are one transaction: killed anywhere, or run by two at once, no row is stored
twice and none is passed over.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from authsvc.clock import Clock
from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys
from authsvc.crypto.errors import DecryptionFailed
from authsvc.domain.audit import AuditEvent, event_id
from authsvc.domain.people.chunked_file import ChunkedFile
from authsvc.domain.people.user_import import Checked, check_rows, in_batches, store_batch
from authsvc.domain.people.user_imports import DONE, FAILED, UserImport, chunk_place
from authsvc.domain.people.user_rows import FileUnreadable, Mark, read_rows_after
from authsvc.domain.ports import UnitOfWork
from authsvc.observe import logging as observe
from authsvc.storage.sql.engine import Storage

NAME = "import users"
EVERY_SECONDS = 30
TURN_SECONDS = 2.0
"""Then the other jobs have theirs."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What importing needs."""

    storage: Storage
    master_keys: MasterKeys
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic


def importing_users(desk: Desk) -> Callable[[threading.Event], bool]:
    """Return the job."""
    last = UUID(int=0)

    def run(stopping: threading.Event) -> bool:
        nonlocal last
        due, has_more = _due(desk, last), False
        began = desk.monotonic()
        for turn, tenant_id in enumerate(due, 1):
            if stopping.is_set() or desk.monotonic() - began > TURN_SECONDS:
                return True
            until = began + TURN_SECONDS * turn / len(due)
            has_more |= _turn(desk, tenant_id, lambda: stopping.is_set() or desk.monotonic() > until)  # noqa: B023
            last = tenant_id
        return has_more

    return run


def _due(desk: Desk, last: UUID) -> Sequence[UUID]:
    """Return whose users wait, beginning after who was last."""
    waiting = set(desk.storage.tenants_with_imports())
    if not waiting:
        return ()
    due = [tenant.id for tenant in desk.storage.list_tenants() if tenant.id in waiting and tenant.disabled_at is None]
    return sorted(due, key=lambda tenant_id: (tenant_id <= last, tenant_id))


def _turn(desk: Desk, tenant_id: UUID, is_over: Callable[[], bool]) -> bool:
    """Import at least a batch of the tenant's oldest file; return whether more waits."""
    uow = desk.storage.unit_of_work(tenant_id)
    try:
        found = uow.user_imports.next()
        return found is not None and _go_on(desk, found, uow, is_over)
    finally:
        uow.close()


def _go_on(desk: Desk, found: UserImport, uow: UnitOfWork, is_over: Callable[[], bool]) -> bool:
    at, problem, mark = found, None, Mark(found.position, found.lines)
    file = ChunkedFile(lambda ordinal: _chunk(desk, found.id, ordinal, uow), found.bytes_total, mark)
    try:
        for batch in in_batches(check_rows(read_rows_after(file, found.form, mark), desk.clock())):
            moved = _store(desk, at, batch, file.mark, uow)
            if moved is None:
                # Cancelled: another may be next. Or another process is at it.
                return _is_over(at, uow)
            at = moved
            if is_over():
                return True
    except FileUnreadable as error:
        problem = error.detail
    except DecryptionFailed:
        problem = "the file can no longer be read here: hand it over again"
    return _end(desk, at, uow, problem)


def _is_over(at: UserImport, uow: UnitOfWork) -> bool:
    found = uow.user_imports.get(at.id)
    return found is None or found.over_at is not None


def _chunk(desk: Desk, import_id: UUID, ordinal: int, uow: UnitOfWork) -> bytes:
    chunk = uow.user_imports.find_chunk(import_id, ordinal)
    if chunk is None:
        # If another process has read it to its end, the import has moved, and is not ended for this.
        raise DecryptionFailed("a piece of the file is gone")
    return envelope.decrypt(chunk.content_encrypted, chunk_place(uow.tenant_id, import_id, ordinal), desk.master_keys)


def _store(desk: Desk, at: UserImport, batch: list[Checked], mark: Mark, uow: UnitOfWork) -> UserImport | None:
    """Store a batch whole and return where the import is then; None if it is not where it was: then nothing."""
    uow.begin()
    outcome = store_batch(batch, uow.users, dry_run=at.dry_run)
    moved = replace(
        at,
        position=mark.position,
        lines=mark.lines,
        added=at.added + outcome.added,
        unchanged=at.unchanged + outcome.unchanged,
        refused=at.refused + len(outcome.refused),
    )
    if outcome.added and not at.dry_run:
        _record(at, outcome.added, desk, uow)
    if not uow.user_imports.advance(at, moved, outcome.refused):
        uow.rollback()
        return None
    uow.commit()
    return moved


def _record(at: UserImport, added: int, desk: Desk, uow: UnitOfWork) -> None:
    now = desk.clock()
    detail = f"{added} users; by {at.created_by}"
    uow.audit.add(AuditEvent(event_id(now), now, at.request_id, "users.imported", None, None, None, None, detail))


def _end(desk: Desk, at: UserImport, uow: UnitOfWork, problem: str | None) -> bool:
    uow.begin()
    has_ended = uow.user_imports.end(at, DONE if problem is None else FAILED, desk.clock(), problem)
    uow.commit()
    if has_ended:
        observe.log(logging.INFO, "import_over", "an import of users is over", tenant=str(uow.tenant_id),
                    import_id=str(at.id), detail=problem or "done")  # fmt: skip
    return has_ended
