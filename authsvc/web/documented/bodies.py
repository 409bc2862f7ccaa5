"""The bodies of the OAuth endpoints, computed from GRANTS and METHODS, so that they cannot lie."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from authsvc.protocol.client_auth import METHODS
from authsvc.protocol.grants import GRANTS, password
from authsvc.protocol.token import REPEATABLE, SHARED_PARAMETERS
from authsvc.web.documented.admin_shapes import FIELDS as ADMIN_FIELDS
from authsvc.web.documented.operation import Schema


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: what it is, and whether its grant needs it."""

    text: str
    is_required: bool = False
    is_secret: bool = False


PARAMETERS: Mapping[str, Parameter] = {
    "grant_type": Parameter("What is presented.", is_required=True),
    "code": Parameter("The code that the browser brought.", is_required=True, is_secret=True),
    "redirect_uri": Parameter("Where the code was sent, if the authorization request named it."),
    "code_verifier": Parameter("What the code challenge was made of.", is_secret=True),
    "username": Parameter("The user name, or a verified address.", is_required=True),
    "password": Parameter("The password.", is_required=True, is_secret=True),
    "refresh_token": Parameter("The newest refresh token of the sign-in.", is_required=True, is_secret=True),
    "subject_token": Parameter("The token that is exchanged.", is_required=True, is_secret=True),
    "subject_token_type": Parameter("Its kind, a URN of RFC 8693 or that of API keys.", is_required=True),
    "actor_token": Parameter("A token of who acts for its subject; without one, nobody is named.", is_secret=True),
    "actor_token_type": Parameter("The kind of actor_token; goes with it."),
    "requested_token_type": Parameter("What is wanted: an access token, or one that is a JWT."),
    "audience": Parameter("The service that the token is for, as resource names it. May come twice."),
    "assertion": Parameter("The JWT of a trusted issuer that names the user.", is_required=True, is_secret=True),
    "token": Parameter(
        "The token in question: an access token, a refresh token or an API key.", is_required=True, is_secret=True
    ),
    "token_type_hint": Parameter("What kind of token it may be. It is not needed: every token carries its kind."),
    "access_token": Parameter("The access token, if no Authorization header carries it.", is_secret=True),
    "client_id": Parameter("The client, if no Authorization header names it."),
    "client_secret": Parameter("The client's secret, if no Authorization header carries it.", is_secret=True),
    "client_assertion": Parameter("A JWT that proves the client, where it signs one or has one.", is_secret=True),
    "client_assertion_type": Parameter("Its kind, a URN of RFC 7523 or of SPIFFE; goes with it."),
    "scope": Parameter("The scopes that are asked for, parted by spaces; without it, all that may be given."),
    "resource": Parameter("The service that the token is for (RFC 8707). May come twice."),
}
"""Every parameter of a grant has its row here."""
AUTHORIZATION: Mapping[str, str] = {
    "client_id": "The client.",
    "response_type": "code, which is the only one.",
    "redirect_uri": "Where the answer goes: one of the client's, to the letter.",
    "scope": "The scopes that are asked for, parted by spaces.",
    "state": "Whatever the client wants to have back.",
    "code_challenge": "The S256 challenge of RFC 7636.",
    "code_challenge_method": "S256.",
    "response_mode": "How the answer goes: query, fragment or form_post.",
    "nonce": "What the ID token will hold, so that the client knows it for its own.",
    "prompt": "none, or some of login, consent, select_account, create.",
    "max_age": "How many seconds ago the person may have signed in.",
    "id_token_hint": "An ID token that says whom the client believes to be here.",
    "login_hint": "The name or address that the person may sign in with.",
    "acr_values": "How the person should have signed in, best first.",
    "claims": "Single claims that are asked for (OpenID Connect Core 5.5).",
    "ui_locales": "Languages that the person reads, best first.",
    "display": "Taken, and of no effect: the pages fit everywhere.",
    "request": "The same parameters, signed by the client (RFC 9101).",
}
"""The parameters of an authorization request."""
FIELDS: Mapping[str, str] = {
    "username": "The name to sign in with.",
    "password": "The password.",
    "email": "The address; it signs in only once a mailed link has proved it.",
    "name": "The displayed name.",
    "given_name": "The given name.",
    "family_name": "The family name.",
    "nickname": "What friends say.",
    "locale": "The language of letters, such as de or pt-BR.",
    "scopes": "What it may do: scopes of resources. A form parts them by spaces.",
    "resources": "The audiences that it is for; without them, those that own the scopes. A form parts them by spaces.",
    "expires_in": "Seconds until it expires; 90 days if nothing is said, a year at most.",
    "expires_at": "When it expires, instead of expires_in: an instant with its offset.",
    "token": "The secret of the mailed link.",
    "current_password": "The password until now.",
    "new_password": "The password from now on.",
    **ADMIN_FIELDS,
}
"""The same for bodies that a declared endpoint reads: what each field is."""


def token_body() -> Schema:
    """Return the body of /token: one shape for each grant type."""
    shapes = []
    for name, grant in GRANTS.items():
        shape = _shape(SHARED_PARAMETERS | grant.PARAMETERS)
        shape["properties"]["grant_type"] = {**shape["properties"]["grant_type"], "const": name}
        shapes.append({"title": name, "description": first_paragraph(grant), **shape})
    return {"oneOf": shapes}


def login_body() -> Schema:
    """Return the body of /login: a grant without a grant type."""
    return _shape((SHARED_PARAMETERS - {"grant_type"}) | password.PARAMETERS)


def logout_body() -> Schema:
    """Return the body of /logout; with an account token it may be empty."""
    return {**_shape({"client_id", "client_secret", "refresh_token"}), "required": []}


def asked_body() -> Schema:
    """Return the body of /introspect and /revoke."""
    return _shape((SHARED_PARAMETERS - {"grant_type", "scope", "resource"}) | {"token", "token_type_hint"})


def userinfo_body() -> Schema:
    """Return the body of POST /userinfo; with the token in the header it may be empty."""
    return _shape({"access_token"})


def authorize_body() -> Schema:
    """Return the body of POST /authorize, and what the query of GET /authorize holds."""
    named = {name: {"type": "string", "description": text} for name, text in AUTHORIZATION.items()}
    resource = {"type": "array", "items": {"type": "string"}, "description": PARAMETERS["resource"].text}
    return {
        "type": "object",
        "properties": {**named, "resource": resource},
        "required": ["client_id", "response_type"],
    }


def declared_body(schema: Schema) -> Schema:
    """Return the body of a declared endpoint with a text for each field that has none."""
    properties = {
        name: {"description": FIELDS[name], **field} if name in FIELDS else field
        for name, field in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def client_methods() -> Mapping[str, str]:
    """Return what each client authentication method is."""
    return {name: first_paragraph(method) for name, method in METHODS.items()}


def first_paragraph(documented: object) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((documented.__doc__ or "").strip().partition("\n\n")[0].split())


def _shape(names: Iterable[str]) -> dict[str, Any]:
    # In the order of the table, which is the order in which one reads them.
    wanted = set(names)
    ordered = [name for name in PARAMETERS if name in wanted] + sorted(wanted - PARAMETERS.keys())
    properties = {name: _property(name) for name in ordered}
    required = [name for name in ordered if name in PARAMETERS and PARAMETERS[name].is_required]
    return {"type": "object", "properties": properties, "required": required}


def _property(name: str) -> Schema:
    parameter = PARAMETERS.get(name, Parameter(""))
    value = {"type": "string", **({"format": "password"} if parameter.is_secret else {})}
    shape: Schema = {"type": "array", "items": value} if name in REPEATABLE else value
    return {**shape, "description": parameter.text}
