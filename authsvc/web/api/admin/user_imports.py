"""/admin/users/import/{id}: how far an import has come, and its end."""

from uuid import UUID

from fastapi import APIRouter

from authsvc.domain.people.user_imports import CANCELLED, FAILED, UPLOADING, ImportOver, UserImport
from authsvc.web.api.account import AccountApi
from authsvc.web.api.admin.doors import Door, Doors, Visit
from authsvc.web.api.admin.lists import Cursor, Limit
from authsvc.web.api.admin.user_import_fields import told
from authsvc.web.errors import HttpError
from authsvc.web.paging import DEFAULT_LIMIT, Cursors
from authsvc.web.responses import Response, empty, json_response

_ONE = "/admin/users/import/{import_id}"


def user_imports_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of one import; user_upload.py has the one that begins it."""
    doors = Doors(api)

    @doors.open(Door(f"GET {_ONE}"))
    def read(visit: Visit, import_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        """Return how far an import has come, with a page of the rows that it refused."""
        found = _found(import_id, visit)
        cursors = Cursors(visit.call, f"user_imports/{found.id}", api.accounts.master_keys)
        after = cursors.after(cursor)
        rows = visit.call.uow.user_imports.list_refused(found.id, int(after or 0), limit + 1)
        last = str(rows[limit - 1].line) if len(rows) > limit else None
        return json_response(200, told(found, rows[:limit], cursors.next(last)))

    @doors.open(Door(f"DELETE {_ONE}", 204))
    def cancel(visit: Visit, import_id: str) -> Response:
        """Cancel an import; the batches that are stored stay."""
        call, found = visit.call, _found(import_id, visit)
        call.uow.begin()
        if call.uow.user_imports.cancel(found.id, call.request.now):
            visit.record("users.import_cancelled", about=f"{found.added} users were added")
        elif (now := _found(import_id, visit)).state != CANCELLED:
            raise ImportOver("it has failed" if now.state == FAILED else "it is done")
        return empty(204)

    return doors.router


def _found(presented_id: str, visit: Visit) -> UserImport:
    """Return the tenant's import of that id, once it is uploaded. Raises: HttpError 404."""
    try:
        found = visit.call.uow.user_imports.get(UUID(presented_id))
    except ValueError:
        found = None
    if found is None or found.state == UPLOADING or str(found.id) != presented_id:
        raise HttpError(404, "There is no such import.")
    return found
