"""GET /openapi.json and GET /docs: the same description for programs and, as one plain page, for people."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.routing import BaseRoute

from authsvc.web.cors import PUBLIC
from authsvc.web.endpoint import Endpoint, Handler
from authsvc.web.openapi import Document, openapi_document
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response

Describe = Callable[[str], Document]
"""Returns the document of an issuer."""
_MAX_ISSUERS = 32
_CACHED: Headers = ((b"cache-control", b"public, max-age=300"),)
_TEMPLATES = Environment(
    loader=PackageLoader("authsvc.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way in which an operation refuses."""

    status: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """One shape of an operation's body; `fields` are (name, schema, whether it is required)."""

    title: str
    text: str
    fields: tuple[tuple[str, Mapping[str, Any], bool], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it; refusals that it shares with all others are told once."""

    anchor: str
    method: str
    path: str
    summary: str
    callers: tuple[str, ...]
    media_types: tuple[str, ...]
    bodies: tuple[Body, ...]
    answers: tuple[tuple[str, str, str, str | None], ...]
    refusals: tuple[Refusal, ...]


def describing(endpoints: Mapping[str, Endpoint], routes: Sequence[BaseRoute]) -> Describe:
    """Return the document by issuer, computed when first asked for: by then every route is there."""

    @lru_cache(_MAX_ISSUERS)
    def describe(issuer: str) -> Document:
        return openapi_document(issuer, endpoints, routes)

    return describe


def openapi_handler(describe: Describe) -> Handler:
    """Return the handler of GET /openapi.json, which pages of every origin may read."""
    headers = ((b"content-type", b"application/json"), *_CACHED, *PUBLIC)

    @lru_cache(_MAX_ISSUERS)
    def encoded(issuer: str) -> bytes:
        return json.dumps(describe(issuer), separators=(",", ":"), default=dict).encode()

    def handle(call: Call) -> Response:
        return Response(200, headers, encoded(call.tenant.issuer))

    return handle


def docs_handler(describe: Describe) -> Handler:
    """Return the handler of GET /docs. Its policy allows the page's one stylesheet, by hash, and nothing else."""
    css = _TEMPLATES.get_template("docs.css").render()
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        *_CACHED,
    )

    @lru_cache(_MAX_ISSUERS)
    def rendered(issuer: str) -> bytes:
        return _page(describe(issuer), css).encode()

    def handle(call: Call) -> Response:
        return Response(200, headers, rendered(call.tenant.issuer))

    return handle


def _page(document: Document, css: str) -> str:
    operations = [
        (found["tags"][0], path, method, found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
    ]
    for_programs = [found for tag, *_, found in operations if tag != "Pages"]
    shared = _shared(for_programs)
    shared_by_bodies = tuple(
        refusal for refusal in _shared([found for found in for_programs if "requestBody" in found])
        if refusal not in shared
    )  # fmt: skip
    told_once = {*shared, *shared_by_bodies}
    names = [tag["name"] for tag in document["tags"]]
    others = [tag for tag, *_ in operations if tag not in names]
    sections = {
        tag: [_operation(path, method, found, told_once) for of, path, method, found in operations if of == tag]
        for tag in dict.fromkeys([*names, *others])
    }
    samples = [sample for *_, found in operations for sample in found.get("x-codeSamples", ())]
    return _TEMPLATES.get_template("docs.html").render(
        css=css, document=document, issuer=document["servers"][0]["url"], samples=samples, sections=sections,
        texts={tag["name"]: tag["description"] for tag in document["tags"]},
        shared=shared, shared_by_bodies=shared_by_bodies,
    )  # fmt: skip


def _operation(path: str, method: str, found: Document, told_once: set[Refusal]) -> Operation:
    content = found.get("requestBody", {}).get("content", {})
    # A file as it is has no fields; what goes into a form with it has.
    schemas = [each["schema"] for each in content.values()]
    schema: Mapping[str, Any] = next((each for each in schemas if each.get("type") != "string"), {})
    security = dict.fromkeys(name or "in_body" for item in found.get("security", ()) for name in (item or {"": []}))
    return Operation(
        anchor=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found["summary"],
        callers=tuple(security),
        media_types=tuple(content),
        bodies=_bodies(schema),
        answers=tuple(
            (status, answer["description"], *_shown(answer))
            for status, answer in found["responses"].items()
            if not _is_refusal(status)
        ),
        refusals=tuple(refusal for refusal in _refusals(found) if refusal not in told_once),
    )


def _bodies(schema: Mapping[str, Any]) -> tuple[Body, ...]:
    """Return the shapes of a body; what several have in common comes last, and once."""
    bodies = tuple(_body(shape) for shape in schema.get("oneOf", [schema] if schema else []))
    if len(bodies) < 2:  # noqa: PLR2004 - one alone has nothing in common
        return bodies
    first, *others = bodies
    common = tuple(field for field in first.fields if all(field in other.fields for other in others))
    own = (Body(body.title, body.text, tuple(f for f in body.fields if f not in common)) for body in bodies)
    return (*own, Body("", "", common))


def _body(shape: Mapping[str, Any]) -> Body:
    required = shape.get("required", ())
    fields = tuple((name, schema, name in required) for name, schema in shape["properties"].items())
    return Body(shape.get("title", ""), shape.get("description", ""), fields)


def _shown(answer: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return media type of a success, and the name of its shape if it has one."""
    for media_type, content in answer.get("content", {}).items():
        return media_type, content["schema"].get("$ref", "").rpartition("/")[2] or None
    return "", None


def _refusals(found: Document) -> Iterator[Refusal]:
    for status, answer in found["responses"].items():
        if _is_refusal(status):
            for content in answer["content"].values():
                for example in content.get("examples", {}).values():
                    yield Refusal(status, example["value"]["error"], example["summary"])


def _shared(operations: list[Document]) -> tuple[Refusal, ...]:
    first, *others = [tuple(_refusals(found)) for found in operations]
    return tuple(refusal for refusal in first if all(refusal in other for other in others))


def _is_refusal(status: str) -> bool:
    return status >= "400"
