"""/admin/users: the people of one tenant."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from authsvc.domain.people.accounts import delete_account
from authsvc.domain.people.user_administration import change_user, create_user
from authsvc.domain.people.users import MAX_LOGIN_CHARACTERS, User, canonical_login
from authsvc.web.api.account import AccountApi, occasion
from authsvc.web.api.admin.doors import Door, Doors, Visit
from authsvc.web.api.admin.lists import Cursor, Limit
from authsvc.web.api.admin.user_fields import ChangedUserBody, NewUserBody, given, told
from authsvc.web.entity_tags import entity, require_match
from authsvc.web.errors import HttpError
from authsvc.web.paging import DEFAULT_LIMIT, Cursors
from authsvc.web.responses import Response, empty, json_response

_ONE = "/admin/users/{user_id}"
Login = Annotated[
    str | None, Query(max_length=MAX_LOGIN_CHARACTERS, description="The user name or verified address of one user.")
]


def users_router(api: AccountApi) -> APIRouter:
    """Return the endpoints of users."""
    doors = Doors(api)

    @doors.open(Door("GET /admin/users"))
    def read_page(visit: Visit, login: Login = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        """List users in the order of their ids, or find the one of a user name or verified address."""
        users, cursors = visit.call.uow.users, Cursors(visit.call, "users", api.accounts.master_keys)
        if login is not None:
            user = users.find_by_login(canonical_login(login))
            return json_response(200, {"users": [] if user is None else [told(user)], "next_cursor": None})
        after = cursors.after(cursor)
        found = users.list(None if after is None else UUID(after), limit + 1)
        last = str(found[limit - 1].id) if len(found) > limit else None
        return json_response(200, {"users": [*map(told, found[:limit])], "next_cursor": cursors.next(last)})

    @doors.open(Door("POST /admin/users", 201, hashes=True))
    def create(visit: Visit, body: NewUserBody) -> Response:
        """Create a user, with a password or with the hash that another system has kept."""
        call = visit.call
        user = create_user(given(body), occasion(call), call.uow, api.accounts)
        visit.record("user.created", user_id=user.id)
        return entity(201, told(user), ((b"location", f"{call.tenant.issuer}/admin/users/{user.id}".encode()),))

    @doors.open(Door(f"GET {_ONE}"))
    def read(visit: Visit, user_id: str) -> Response:
        """Return one user."""
        return entity(200, told(_found(user_id, visit)))

    @doors.open(Door(f"PATCH {_ONE}", hashes=True, then=api.wake_mail))
    def change(visit: Visit, user_id: str, body: ChangedUserBody) -> Response:
        """Change a user; a new password, or disabling, ends all sessions and revokes all API keys."""
        call, user = visit.call, _found(user_id, visit)
        require_match(call, told(user))
        changed = change_user(user, given(body), occasion(call), call.uow, api.accounts)
        visit.record("user.changed", user_id=user.id, about=" ".join(sorted(body.model_fields_set)))
        return entity(200, told(changed))

    @doors.open(Door(f"DELETE {_ONE}", 204, then=api.wake_mail))
    def delete(visit: Visit, user_id: str) -> Response:
        """Delete a user for good, with all sessions; the id never returns."""
        call, user = visit.call, _found(user_id, visit)
        require_match(call, told(user))
        delete_account(user, call.uow, call.request.now)
        visit.record("user.deleted", user_id=user.id)
        return empty(204)

    return doors.router


def _found(presented_id: str, visit: Visit) -> User:
    """Return the tenant's user of that id, in its one spelling. Raises: HttpError 404."""
    try:
        user = visit.call.uow.users.get(UUID(presented_id))
    except ValueError:
        user = None
    if user is None or str(user.id) != presented_id:
        raise HttpError(404, "There is no such user.")
    return user
