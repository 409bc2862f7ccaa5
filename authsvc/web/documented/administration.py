"""The admin API's part of the table of operations; the scopes are those of its table of rules."""

from collections.abc import Mapping

from authsvc.domain.documents import FetchBusy
from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.parties.clients import ClientInvalid
from authsvc.domain.parties.key_sources import KeySourceInvalid
from authsvc.domain.parties.relying_parties import RedirectUriInvalid
from authsvc.domain.parties.resources import ResourceInvalid
from authsvc.domain.people.user_imports import ImportOver, TooManyImports
from authsvc.domain.people.user_rows import FileUnreadable
from authsvc.domain.tenants import IssuerInvalid, LookInvalid
from authsvc.errors import Conflict
from authsvc.protocol.errors import InsufficientScope, InvalidClientMetadata, InvalidToken, MissingToken
from authsvc.web.api.admin.rules import RULES
from authsvc.web.api.admin.user_upload import FORMS_BY_TYPE, MULTIPART
from authsvc.web.api.admin.user_upload import PATH as USER_IMPORT
from authsvc.web.documented.client_shapes import ADMIN_METADATA, NEW_CLIENT
from authsvc.web.documented.operation import IDEMPOTENCY, KEY_REUSED, Answer, Operation, Refusal, Schema
from authsvc.web.documented.schemas import ref
from authsvc.web.errors import Form

_JSON = "application/json"
_TAG = "Administration"
_TOKEN: tuple[Refusal, ...] = (MissingToken, InvalidToken, InsufficientScope)
_NOT_THERE: Refusal = Form(404, "invalid_request", "There is no such thing in this tenant.")
_BAD_CURSOR: Refusal = Form(400, "invalid_request", "The cursor is none of this list: begin anew without one.")
_UNSEEN: tuple[Refusal, ...] = (
    Form(412, "precondition_failed", "It has changed meanwhile: read it again."),
    Form(428, "precondition_required", "Say in If-Match which state you have seen."),
)
_NO_STORE = {"Cache-Control": "no-store"}
_TAGGED = {"ETag": "Names this state: send it back in If-Match.", **_NO_STORE}
_IF_MATCH = {"If-Match": "The ETag of the state that you have seen; * for any. Without it: 428."}
_AUTHORIZED = '-H "Authorization: Bearer $ADMIN_TOKEN"'


def _listing(name: str, shape: str, *refusals: Refusal) -> Operation:
    answers = {200: Answer("A page.", _JSON, ref(shape), _NO_STORE)}
    refused = (*_TOKEN, FieldsInvalid, _BAD_CURSOR, *refusals)
    return Operation(_TAG, answers, caller="administrator", refusals=refused, scope=RULES[name])


def _creating(name: str, shape: str, body: str, *refusals: Refusal, takes: Schema | None = None) -> Operation:
    located = {"Location": "Its address.", **_TAGGED}
    example = f"{_AUTHORIZED} \\\n  -H 'Content-Type: application/json' --data @- <<'JSON'\n{body}\nJSON"
    return Operation(
        _TAG,
        {201: Answer("It was made.", _JSON, ref(shape), located)},
        caller="administrator",
        takes=takes,
        refusals=(*_TOKEN, FieldsInvalid, Conflict, KEY_REUSED, *refusals),
        scope=RULES[name],
        headers=IDEMPOTENCY,
        examples={f"Make a {shape.lower()}": example} if body else {},
    )


def _reading(name: str, shape: str) -> Operation:
    answers = {200: Answer("It as it is now.", _JSON, ref(shape), _TAGGED)}
    return Operation(_TAG, answers, caller="administrator", refusals=(*_TOKEN, _NOT_THERE), scope=RULES[name])


def _changing(name: str, shape: str, *refusals: Refusal, takes: Schema | None = None) -> Operation:
    return Operation(
        _TAG,
        {200: Answer("It as it is now.", _JSON, ref(shape), _TAGGED)},
        caller="administrator",
        takes=takes,
        refusals=(*_TOKEN, _NOT_THERE, *_UNSEEN, FieldsInvalid, Conflict, *refusals),
        scope=RULES[name],
        headers=_IF_MATCH,
    )


def _deleting(name: str, *refusals: Refusal) -> Operation:
    return Operation(
        _TAG,
        {204: Answer("It is gone.")},
        caller="administrator",
        refusals=(*_TOKEN, _NOT_THERE, *_UNSEEN, *refusals),
        scope=RULES[name],
        headers=_IF_MATCH,
    )


_METADATA: tuple[Refusal, ...] = (
    ClientInvalid, RedirectUriInvalid, KeySourceInvalid, InvalidClientMetadata, FetchBusy,
)  # fmt: skip
_IMPORT = "/admin/users/import/{import_id}"
_FILE: Schema = {"type": "string", "description": "The file, in UTF-8.", "contentMediaType": "text/plain"}
# Programs make a field without a name of a part that is text.
_FILE_PART: Schema = {
    "type": "string", "description": "The file, whose type or name says what it is.",
    "contentMediaType": "application/octet-stream",
}  # fmt: skip
USER_IMPORTS: Mapping[str, Operation] = {
    f"POST {USER_IMPORT}": Operation(
        _TAG,
        {
            202: Answer(
                "It is imported from here on.", _JSON, ref("UserImport"), {"Location": "Its state.", **_NO_STORE}
            )
        },
        summary="Import a file of users, however large: CSV or JSON Lines, as it is or in a form.",
        caller="administrator",
        refusals=(*_TOKEN, FieldsInvalid, FileUnreadable, TooManyImports, Conflict, KEY_REUSED),
        scope=RULES[f"POST {USER_IMPORT}"],
        headers=IDEMPOTENCY,
        options={"dry_run": ("Check every row, also against the users there are; store none.", {"type": "boolean"})},
        bodies={
            **{media_type: {"schema": _FILE} for media_type in FORMS_BY_TYPE},
            MULTIPART: {
                "schema": {"type": "object", "properties": {"file": _FILE_PART}, "required": ["file"]},
                "encoding": {"file": {"contentType": ", ".join(FORMS_BY_TYPE)}},
            },
        },
    ),
    f"GET {_IMPORT}": Operation(
        _TAG,
        {200: Answer("It as it is now.", _JSON, ref("UserImport"), _NO_STORE)},
        caller="administrator",
        refusals=(*_TOKEN, FieldsInvalid, _NOT_THERE, _BAD_CURSOR),
        scope=RULES[f"GET {_IMPORT}"],
    ),
    f"DELETE {_IMPORT}": Operation(
        _TAG,
        {204: Answer("It is cancelled.")},
        caller="administrator",
        refusals=(*_TOKEN, _NOT_THERE, ImportOver),
        scope=RULES[f"DELETE {_IMPORT}"],
    ),
}
_CLIENT = "/admin/clients/{client_id}"
_SECRETS = f"{_CLIENT}/secrets"
_SECRET = f"{_SECRETS}/{{secret_id}}"
_NEW_CLIENT = '{"client_name": "My shop",\n "redirect_uris": ["https://shop.example/callback"],\n "scope": "openid"}'
_RESOURCE, _TENANT = "/admin/resources/{resource_id}", "/admin/tenants/{name}"
_NEW_RESOURCE = '{"audience": "https://stock.example",\n "name": "Stock",\n "scopes": ["stock:read"]}'
_USER = "/admin/users/{user_id}"
_NEW_USER = '{"username": "grace", "email": "grace@example.com", "email_verified": true}'
ADMINISTRATION: Mapping[str, Operation] = {
    "GET /admin/users": _listing("GET /admin/users", "Users"),
    "POST /admin/users": _creating("POST /admin/users", "User", _NEW_USER),
    **USER_IMPORTS,
    f"GET {_USER}": _reading(f"GET {_USER}", "User"),
    f"PATCH {_USER}": _changing(f"PATCH {_USER}", "User"),
    f"DELETE {_USER}": _deleting(f"DELETE {_USER}"),
    "GET /admin/clients": _listing("GET /admin/clients", "Clients"),
    "POST /admin/clients": _creating("POST /admin/clients", "Client", _NEW_CLIENT, *_METADATA, takes=NEW_CLIENT),
    f"GET {_CLIENT}": _reading(f"GET {_CLIENT}", "Client"),
    f"PATCH {_CLIENT}": _changing(f"PATCH {_CLIENT}", "Client", *_METADATA, takes=ADMIN_METADATA),
    f"DELETE {_CLIENT}": _deleting(f"DELETE {_CLIENT}", Conflict),
    f"POST {_SECRETS}": _creating(f"POST {_SECRETS}", "ClientSecret", "", _NOT_THERE, ClientInvalid),
    f"GET {_SECRET}": _reading(f"GET {_SECRET}", "ClientSecret"),
    f"DELETE {_SECRET}": _deleting(f"DELETE {_SECRET}", Conflict),
    "GET /admin/resources": _listing("GET /admin/resources", "Resources"),
    "POST /admin/resources": _creating("POST /admin/resources", "Resource", _NEW_RESOURCE, ResourceInvalid),
    f"GET {_RESOURCE}": _reading(f"GET {_RESOURCE}", "Resource"),
    f"PATCH {_RESOURCE}": _changing(f"PATCH {_RESOURCE}", "Resource", ResourceInvalid),
    f"DELETE {_RESOURCE}": _deleting(f"DELETE {_RESOURCE}"),
    "GET /admin/tenants": _listing("GET /admin/tenants", "Tenants"),
    "POST /admin/tenants": _creating("POST /admin/tenants", "Tenant", "", IssuerInvalid),
    f"GET {_TENANT}": _reading(f"GET {_TENANT}", "Tenant"),
    f"PATCH {_TENANT}": _changing(f"PATCH {_TENANT}", "Tenant", LookInvalid),
    f"DELETE {_TENANT}": _deleting(f"DELETE {_TENANT}", Conflict),
}
