"""What is asked and told of an import of users."""

from collections.abc import Mapping, Sequence
from typing import Any

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.people.user_import import in_words
from authsvc.domain.people.user_imports import DONE, RefusedRow, UserImport
from authsvc.web.api.admin.user_fields import instant
from authsvc.web.forms import parse_form, single_values
from authsvc.web.request import Call


def is_dry_run(call: Call) -> bool:
    """Whether the query asks for a dry run. Raises: FieldsInvalid for anything else: it could be one misspelt."""
    query = call.request.query
    values = single_values(parse_form(query), frozenset())
    if query and (values.keys() != {"dry_run"} or values["dry_run"] not in {"true", "false"}):
        raise FieldsInvalid((FieldProblem("dry_run", "true or false; nothing else can be asked here"),))
    return values.get("dry_run") == "true"


def told(found: UserImport, rows: Sequence[RefusedRow] = (), next_cursor: str | None = None) -> Mapping[str, Any]:
    """Return what an administrator is told of an import, with a page of its refused rows."""
    is_done = found.state == DONE
    return {
        "id": str(found.id),
        "state": found.state,
        "format": found.form,
        "dry_run": found.dry_run,
        "bytes_total": found.bytes_total,
        "bytes_read": found.bytes_total if is_done else found.position,
        "rows_read": found.added + found.unchanged + found.refused,
        "added": found.added,
        "unchanged": found.unchanged,
        "refused": found.refused,
        "summary": in_words(found.added, found.unchanged, found.refused, dry_run=found.dry_run),
        "problem": found.problem,
        "created_at": instant(found.created_at),
        "over_at": instant(found.over_at),
        "refused_rows": [{"line": row.line, "reason": row.reason} for row in rows],
        "next_cursor": next_cursor,
    }
