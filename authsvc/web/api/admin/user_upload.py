"""POST /admin/users/import: a file of users, stored piece by piece; a job imports it when it is whole."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from time import monotonic
from typing import Final
from uuid import uuid4

from authsvc.crypto import envelope
from authsvc.domain.people.user_imports import (
    CHUNK_BYTES,
    UPLOAD_SECONDS,
    WAITING,
    Chunk,
    TooManyImports,
    UserImport,
    chunk_place,
)
from authsvc.domain.people.user_rows import CSV, JSON_LINES, check_columns
from authsvc.errors import Conflict
from authsvc.web.api.account import AccountApi
from authsvc.web.api.admin.doors import Visit, admit
from authsvc.web.api.admin.rules import RULES
from authsvc.web.api.admin.user_import_fields import is_dry_run, told
from authsvc.web.body import Head, checked_type
from authsvc.web.endpoint import Endpoint, Route
from authsvc.web.errors import HttpError
from authsvc.web.forms import Fields
from authsvc.web.multipart import FilePart
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response, json_response
from authsvc.web.upload import GO_ON

NAME: Final = "admin_users_import"
PATH: Final = "/admin/users/import"
MULTIPART: Final = "multipart/form-data"
FORMS_BY_TYPE: Final = {"text/csv": CSV, "application/jsonl": JSON_LINES, "application/x-ndjson": JSON_LINES}
_BY_SUFFIX: Final = {".csv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}
ACCEPTS: Final = (*FORMS_BY_TYPE, MULTIPART)


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """How large a file may be, and how many of one tenant may be under way."""

    max_bytes: int
    at_once: int


def user_import_endpoint(api: AccountApi, limits: ImportLimits, wake: Callable[[], None]) -> Endpoint:
    """Return the endpoint; `wake` lets the import begin at once."""

    def begin(head: Head) -> UserUpload:
        return UserUpload(api, limits, head)

    return Endpoint(NAME, {"POST": _unheld}, _route, ACCEPTS, refusals="api", then=wake, upload=begin)


class UserUpload:
    """One file on its way in."""

    def __init__(self, api: AccountApi, limits: ImportLimits, head: Head) -> None:
        self.max_bytes = limits.max_bytes
        self.is_handed_over = False
        self._api = api
        self._at_once = limits.at_once
        self._media_type = checked_type(head, ACCEPTS)
        self._part = FilePart(head[b"content-type"].decode("latin-1")) if self._media_type == MULTIPART else None
        self._digest = hashlib.sha256()
        self._rest = bytearray()
        self._ordinal = 0
        self._began = monotonic()
        self._kept: UserImport | None = None

    @property
    def has_begun(self) -> bool:
        """Whether something was stored."""
        return self._kept is not None

    def admit(self, call: Call) -> Response:
        """Refuse who may not import users, and what stands wrong in the query."""
        self._visit(call)
        is_dry_run(call)
        return GO_ON

    def take(self, call: Call, piece: bytes) -> Response:
        """Store the pieces of the file that are whole now."""
        self._visit(call)
        content = piece if self._part is None else self._part.feed(piece)
        self._digest.update(content)
        self._rest += content
        while len(self._rest) >= CHUNK_BYTES:
            self._keep(call, bytes(self._rest[:CHUNK_BYTES]))
            del self._rest[:CHUNK_BYTES]
        return GO_ON

    def finish(self, call: Call) -> Response:
        """Store the rest, and let the import wait for its turn."""
        visit = self._visit(call)
        if self._part is not None:
            self._part.finish()
        if self._rest or self._kept is None:
            self._keep(call, bytes(self._rest))
        of = f"{self._form()} {is_dry_run(call)} {self._digest.hexdigest()}"
        principal = f"client {visit.admin.client_id}"
        return self._api.idempotency.once(call, principal, lambda: self._submit(visit), of)

    def discard(self, call: Call) -> Response:
        """Forget the file."""
        if self._kept is not None:
            call.uow.begin()
            call.uow.user_imports.discard(self._kept.id, call.request.now)
        return GO_ON

    def _visit(self, call: Call) -> Visit:
        return admit(self._api, call, RULES[f"POST {PATH}"])

    def _form(self) -> str:
        """Return what the file is, as its media type says or else its name. Raises: HttpError 415."""
        if self._part is None:
            return FORMS_BY_TYPE[self._media_type]
        suffix = f".{self._part.file_name.lower().rpartition('.')[2]}"
        form = FORMS_BY_TYPE.get(self._part.media_type) or _BY_SUFFIX.get(suffix)
        if form is None:
            accepted = ", ".join(FORMS_BY_TYPE)
            raise HttpError(415, f"Say what the file is: {accepted}.", ((b"accept-post", ", ".join(ACCEPTS).encode()),))
        return form

    def _keep(self, call: Call, content: bytes) -> None:
        """Store the next piece. Raises: FileUnreadable, TooManyImports, Conflict if the upload was forgotten."""
        if self._kept is None:
            check_columns(BytesIO(content), self._form())
        call.uow.begin()
        kept = self._kept or self._begun(call)
        until = call.request.now + timedelta(seconds=monotonic() - self._began + UPLOAD_SECONDS)
        self._kept = replace(kept, bytes_total=kept.bytes_total + len(content), over_at=until)
        place = chunk_place(call.uow.tenant_id, kept.id, self._ordinal)
        chunk = Chunk(self._ordinal, envelope.encrypt(content, place, self._api.accounts.master_keys))
        if not call.uow.user_imports.add_chunk(self._kept, chunk):
            raise Conflict("the upload was forgotten")
        self._ordinal += 1

    def _begun(self, call: Call) -> UserImport:
        imports, now = call.uow.user_imports, call.request.now
        if imports.count_open() >= self._at_once:
            raise TooManyImports(f"{self._at_once} are under way")
        admin = self._visit(call).admin
        begun = UserImport(
            uuid4(), self._form(), is_dry_run(call), admin.client_id, call.request.request_id, now,
            over_at=now + timedelta(seconds=UPLOAD_SECONDS),
        )  # fmt: skip
        imports.add(begun)
        return begun

    def _submit(self, visit: Visit) -> Response:
        call, kept = visit.call, self._kept
        call.uow.begin()
        if kept is None or not call.uow.user_imports.submit(kept.id):
            raise Conflict("the upload was forgotten")
        self.is_handed_over = True
        visit.record("users.import_begun", about=f"{kept.bytes_total} bytes{', dry run' if kept.dry_run else ''}")
        location = f"{call.tenant.issuer}{PATH}/{kept.id}".encode()
        return json_response(202, told(replace(kept, state=WAITING)), (*NO_STORE, (b"location", location)))


def _route(fields: Fields) -> Route:  # noqa: ARG001 - whatever the request
    return Route("people")


def _unheld(call: Call) -> Response:
    raise NotImplementedError
