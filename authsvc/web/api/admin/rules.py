"""Who may call what: each route of the admin API with the scope that it needs. A route without a row does not start."""

from collections.abc import Mapping

from authsvc.domain.administration import USERS_READ, USERS_WRITE

RULES: Mapping[str, str] = {
    "GET /admin/users": USERS_READ,
    "POST /admin/users": USERS_WRITE,
    "GET /admin/users/{user_id}": USERS_READ,
    "PATCH /admin/users/{user_id}": USERS_WRITE,
    "DELETE /admin/users/{user_id}": USERS_WRITE,
}
