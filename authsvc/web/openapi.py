"""The OpenAPI 3.1 document of one issuer, computed from the routes that run, GRANTS, METHODS and the errors."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from authsvc import __version__
from authsvc.web.body import FORM, JSON
from authsvc.web.documented.bodies import client_methods, declared_body
from authsvc.web.documented.operation import Answer, Caller, Operation
from authsvc.web.documented.operations import OPERATIONS, TAGS
from authsvc.web.documented.refusals import EVERYWHERE, WITH_BODY, responses_of
from authsvc.web.documented.schemas import SCHEMAS
from authsvc.web.endpoint import Endpoint
from authsvc.web.refusals import RefusalForm

Document = dict[str, Any]
_ABOUT = (
    "Apps post credentials or grants and get JWTs that every other service verifies with the published keys. "
    "Every answer carries X-Request-Id; a method that an address does not take is answered 405 with Allow."
)
_SCHEMES: Mapping[str, Document] = {
    "client_secret_basic": {"type": "http", "scheme": "basic"},
    "account_token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A person's access token for the issuer itself, with the scope account (RFC 6750 §2.1).",
    },
    "access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Any access token of a person with the scope openid (RFC 6750 §2.1).",
    },
    "admin_token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A client's own access token for the admin API, with the scope of the route (x-scope).",
    },
    "initial_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An administrator's leave to register clients (RFC 7591 §3).",
    },
    "registration_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "What a client got with its registration (RFC 7592 §2).",
    },
}
"""How callers prove themselves in a header; what stands in the body has no scheme in OpenAPI."""


@dataclass(frozen=True, slots=True)
class _Running:
    """One method of one route that runs: from the URL map, or declared with what FastAPI knows of it."""

    method: str
    path: str
    name: str
    refusals: RefusalForm
    accepts: tuple[str, ...]
    generated: Document

    @property
    def key(self) -> str:
        """Its name in the table of operations."""
        return f"{self.method} {self.path}"


def openapi_document(issuer: str, endpoints: Mapping[str, Endpoint], routes: Sequence[BaseRoute]) -> Document:
    """Return the document. `endpoints` is the URL map, `routes` those of the FastAPI application."""
    paths: dict[str, Document] = {}
    for running in sorted((*_mapped(endpoints), *_declared(routes)), key=_place):
        paths.setdefault(running.path, {})[running.method.lower()] = _operation(running, issuer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "authsvc", "version": __version__, "summary": "Login and tokens", "description": _ABOUT},
        "servers": [{"url": issuer}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS), "securitySchemes": _security_schemes()},
        "x-client-authentication": client_methods(),
    }


def _place(running: _Running) -> int:
    """Return where readers find it: in the order of the table of operations."""
    return list(OPERATIONS).index(running.key) if running.key in OPERATIONS else len(OPERATIONS)


def _mapped(endpoints: Mapping[str, Endpoint]) -> Iterator[_Running]:
    for path, endpoint in endpoints.items():
        for method in endpoint.handlers:
            yield _Running(method, path, endpoint.name, endpoint.refusals, endpoint.accepts, {})


def _declared(routes: Sequence[BaseRoute]) -> Iterator[_Running]:
    generated = get_openapi(title="", version="", routes=[route for route in routes if isinstance(route, APIRoute)])
    schemas = generated.get("components", {}).get("schemas", {})
    for path, methods in generated["paths"].items():
        for method, operation in methods.items():
            resolved = _resolved(operation, schemas)
            yield _Running(method.upper(), path, operation["summary"], "api", (JSON, FORM), resolved)


def _operation(running: _Running, issuer: str) -> Document:
    about = OPERATIONS.get(running.key, Operation("Other", {}))
    schema = about.takes or _generated_body(running.generated)
    refusals = (*EVERYWHERE, *about.refusals, *(WITH_BODY if schema or about.bodies else ()))
    text = running.generated.get("description", "")
    parameters = [*running.generated.get("parameters", ()), *(_in_query(*each) for each in about.query.items())]
    parameters += [_option(name, *about_it) for name, about_it in about.options.items()]
    parameters += [_in_header(*each) for each in about.headers.items()]
    operation: Document = {
        "operationId": re.sub(r"\W+", "_", f"{running.method.lower()}{running.path}").rstrip("_"),
        "tags": [about.tag],
        "summary": about.summary or text.partition("\n")[0] or running.name,
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _request_body(running, schema)} if schema else {}),
        **({"requestBody": {"required": True, "content": about.bodies}} if about.bodies else {}),
        "responses": {
            **{str(status): _answer(answer) for status, answer in about.answers.items()},
            **responses_of(refusals, running.refusals),
        },
    }
    if about.caller != "anyone":
        operation["security"] = _security(about.caller)
    if about.scope:
        operation["x-scope"] = about.scope
    if about.examples:
        command = f"curl {shlex.quote(issuer + running.path)} \\\n  "
        operation["x-codeSamples"] = [
            {"lang": "Shell", "label": label, "source": command + rest} for label, rest in about.examples.items()
        ]
    return operation


def _in_query(name: str, text: str) -> Document:
    return {"name": name, "in": "query", "required": True, "description": text, "schema": {"type": "string"}}


def _option(name: str, text: str, schema: Mapping[str, Any]) -> Document:
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def _in_header(name: str, text: str) -> Document:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


def _request_body(running: _Running, schema: Mapping[str, Any]) -> Document:
    is_required = "oneOf" in schema or bool(schema.get("required"))
    return {"required": is_required, "content": {media_type: {"schema": schema} for media_type in running.accepts}}


def _generated_body(generated: Document) -> Mapping[str, Any] | None:
    content = generated.get("requestBody", {}).get("content", {})
    return declared_body(content[JSON]["schema"]) if JSON in content else None


def _answer(answer: Answer) -> Document:
    described: Document = {"description": answer.description}
    if answer.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    if answer.media_type:
        described["content"] = {answer.media_type: {"schema": answer.schema}}
    return described


def _security_schemes() -> Document:
    methods = client_methods()
    return {
        name: {"description": methods[name], **scheme} if name in methods else scheme
        for name, scheme in _SCHEMES.items()
    }


def _security(caller: Caller) -> list[Document]:
    """Return the alternatives; the empty one stands for what is proved in the body, or needs no proof."""
    alternatives: list[Document] = []
    if "client" in caller.split(" or "):
        alternatives += [{method: []} if method in _SCHEMES else {} for method in client_methods()]
    if "service" in caller:
        alternatives.append({"client_secret_basic": []})
    if "account" in caller:
        alternatives.append({"account_token": []})
    if caller == "administrator":
        alternatives.append({"admin_token": []})
    if caller == "initial token":
        alternatives += [{"initial_access_token": []}, {}]
    if caller == "client token":
        alternatives.append({"registration_access_token": []})
    if caller == "token":
        alternatives += [{"access_token": []}, {}]
    return [item for position, item in enumerate(alternatives) if item not in alternatives[:position]]


def _resolved(value: Any, schemas: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with FastAPI's shapes in place of their names, which are those of our modules."""
    if isinstance(value, dict):
        if "$ref" in value:
            return _resolved(schemas[value["$ref"].rpartition("/")[2]], schemas)
        return {name: _resolved(member, schemas) for name, member in value.items() if not _is_title(name, member)}
    if isinstance(value, list):
        return [_resolved(item, schemas) for item in value]
    return value


def _is_title(name: str, member: object) -> bool:
    return name == "title" and isinstance(member, str)
