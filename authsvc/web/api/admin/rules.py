"""Who may call what: each route of the admin API with the scope that it needs. A route without a row does not start."""

from collections.abc import Mapping

from authsvc.domain.administration import (
    CLIENTS_READ,
    CLIENTS_WRITE,
    RESOURCES_READ,
    RESOURCES_WRITE,
    TENANTS_READ,
    TENANTS_WRITE,
    USERS_READ,
    USERS_WRITE,
)

RULES: Mapping[str, str] = {
    "GET /admin/users": USERS_READ,
    "POST /admin/users": USERS_WRITE,
    "POST /admin/users/import": USERS_WRITE,
    "GET /admin/users/import/{import_id}": USERS_READ,
    "DELETE /admin/users/import/{import_id}": USERS_WRITE,
    "GET /admin/users/{user_id}": USERS_READ,
    "PATCH /admin/users/{user_id}": USERS_WRITE,
    "DELETE /admin/users/{user_id}": USERS_WRITE,
    "GET /admin/clients": CLIENTS_READ,
    "POST /admin/clients": CLIENTS_WRITE,
    "GET /admin/clients/{client_id}": CLIENTS_READ,
    "PATCH /admin/clients/{client_id}": CLIENTS_WRITE,
    "DELETE /admin/clients/{client_id}": CLIENTS_WRITE,
    "POST /admin/clients/{client_id}/secrets": CLIENTS_WRITE,
    "GET /admin/clients/{client_id}/secrets/{secret_id}": CLIENTS_READ,
    "DELETE /admin/clients/{client_id}/secrets/{secret_id}": CLIENTS_WRITE,
    "GET /admin/resources": RESOURCES_READ,
    "POST /admin/resources": RESOURCES_WRITE,
    "GET /admin/resources/{resource_id}": RESOURCES_READ,
    "PATCH /admin/resources/{resource_id}": RESOURCES_WRITE,
    "DELETE /admin/resources/{resource_id}": RESOURCES_WRITE,
    "GET /admin/tenants": TENANTS_READ,
    "POST /admin/tenants": TENANTS_WRITE,
    "GET /admin/tenants/{name}": TENANTS_READ,
    "PATCH /admin/tenants/{name}": TENANTS_WRITE,
    "DELETE /admin/tenants/{name}": TENANTS_WRITE,
}
