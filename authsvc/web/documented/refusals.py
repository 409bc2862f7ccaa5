"""Refusals as the document tells them, taken from the classes of the protocol's errors and the table of forms."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from authsvc.errors import StorageUnavailable
from authsvc.protocol.errors import InvalidRequest, ProtocolError
from authsvc.web.documented.bodies import first_paragraph
from authsvc.web.documented.operation import Refusal
from authsvc.web.documented.schemas import ref
from authsvc.web.errors import FORMS, UNEXPECTED, Form
from authsvc.web.rate_limit import TooManyRequests
from authsvc.web.refusals import RefusalForm
from authsvc.web.rush import Overloaded

EVERYWHERE: tuple[Refusal, ...] = (
    InvalidRequest,
    Form(404, "invalid_request", "There is no such issuer here."),
    TooManyRequests,
    UNEXPECTED,
    StorageUnavailable,
    Overloaded,
)
WITH_BODY: tuple[Refusal, ...] = (
    Form(408, "invalid_request", "The request took too long to arrive."),
    Form(413, "invalid_request", "The body is too large."),
    Form(415, "invalid_request", "The body's media type, charset or encoding is none that this endpoint takes."),
)
_HEADERS: Mapping[int, tuple[str, str]] = {
    401: ("WWW-Authenticate", "How to authenticate."),
    415: ("Accept-Post", "The media types that are taken; absent if only the encoding was wrong."),
    429: ("Retry-After", "Seconds to wait."),
    503: ("Retry-After", "Seconds to wait."),
}
_REQUEST_ID = "5f1d3b0a9c2e4d67"


def form_of(refusal: Refusal) -> Form:
    """Return status, code and public sentence of a refusal."""
    if isinstance(refusal, Form):
        return refusal
    if issubclass(refusal, ProtocolError):
        # What follows a semicolon in a docstring is for those who read the code.
        text = first_paragraph(refusal).partition(";")[0].rstrip(".")
        return Form(refusal.status, refusal.code, f"{text}.")
    return FORMS[refusal]


def responses_of(refusals: Iterable[Refusal], shape: RefusalForm) -> dict[str, Any]:
    """Return the document's responses: one for each status, naming every code with an example."""
    by_status: dict[int, list[Form]] = {}
    for form in map(form_of, refusals):
        by_status.setdefault(form.status, []).append(form)
    # The last door answers in one form whatever the endpoint.
    return {
        str(status): _page(status, forms)
        if shape == "page"
        else _response(status, forms, is_oauth=shape == "oauth" or status == UNEXPECTED.status)
        for status, forms in sorted(by_status.items())
    }


def _page(status: int, forms: list[Form]) -> dict[str, Any]:
    titles = " ".join(dict.fromkeys(form.title for form in forms))
    return _with_headers(status, {"description": titles, "content": {"text/html": {"schema": {"type": "string"}}}})


def _response(status: int, forms: list[Form], *, is_oauth: bool) -> dict[str, Any]:
    codes = list(dict.fromkeys(form.code for form in forms))
    schema = {"allOf": [ref("Error" if is_oauth else "Problem"), {"properties": {"error": {"enum": codes}}}]}
    examples: dict[str, Any] = {}
    for form in forms:
        name = form.code if form.code not in examples else f"{form.code}_{len(examples) + 1}"
        examples[name] = {"summary": form.title, "value": _example(form, is_oauth=is_oauth)}
    media_type = "application/json" if is_oauth else "application/problem+json"
    response: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {media_type: {"schema": schema, "examples": examples}},
    }
    return _with_headers(status, response)


def _with_headers(status: int, response: dict[str, Any]) -> dict[str, Any]:
    if status in _HEADERS:
        name, text = _HEADERS[status]
        response["headers"] = {name: {"description": text, "schema": {"type": "string"}}}
    return response


def _example(form: Form, *, is_oauth: bool) -> dict[str, Any]:
    if is_oauth:
        return {"error": form.code, "error_description": form.title, "request_id": _REQUEST_ID}
    return {
        "type": "about:blank", "title": form.title, "status": form.status, "error": form.code,
        "request_id": _REQUEST_ID,
    }  # fmt: skip
