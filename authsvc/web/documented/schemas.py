"""The shapes of answers, as JSON Schema, by the name under which the document refers to them."""

from collections.abc import Mapping

from authsvc.web.documented.admin_shapes import ADMIN_SHAPES
from authsvc.web.documented.client_shapes import CLIENT
from authsvc.web.documented.operation import Schema


def ref(name: str) -> Schema:
    """Return the reference to a named shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, properties: Mapping[str, Schema], optional: frozenset[str] = frozenset()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": dict(properties), "required": required}


def _text(description: str, **more: object) -> Schema:
    return {"type": "string", "description": description, **more}


def _instant(description: str) -> Schema:
    return {"type": ["string", "null"], "format": "date-time", "description": description}


def _list_of(description: str, items: Schema) -> Schema:
    return {"type": "array", "description": description, "items": items}


_API_KEY: Mapping[str, Schema] = {
    "id": _text("The key's id; it is no secret.", format="uuid"),
    "name": _text("What its owner calls it."),
    "hint": _text("How the key begins."),
    "scopes": _list_of("What it may do.", {"type": "string"}),
    "resources": _list_of("The audiences that it is for.", {"type": "string"}),
    "created_at": _text("When it was made.", format="date-time"),
    "expires_at": _instant("When it expires; null: never."),
    "last_used_at": _instant("When it was last used, to the minute; null: not yet."),
}
_REQUEST_ID = _text("Names this request in the server's log: quote it when you ask for help.")
_TEXT_OR_NULL = ["string", "null"]

_INTROSPECTED: Mapping[str, Schema] = {
    "active": {"type": "boolean", "description": "Whether it is good at this moment."},
    "token_type": _text("How an access token is sent.", const="Bearer"),
    "scope": _text("Its scopes, parted by spaces; a resource server learns those of its own resources."),
    "aud": {
        "type": ["string", "array"],
        "items": {"type": "string"},
        "description": "Where it may be used; a resource server learns its own.",
    },
    "client_id": _text("The client that it was issued to."),
    "sub": _text("Whom it speaks for: a person, or the client itself."),
    "iss": _text("The issuer.", format="uri"),
    "exp": {"type": "integer", "description": "When it expires, in seconds since 1970."},
    "iat": {"type": "integer", "description": "When it was issued, in seconds since 1970."},
    "nbf": {"type": "integer", "description": "Before when it is not good, in seconds since 1970."},
    "jti": _text("Its id."),
    "act": {"type": "object", "description": "Who acts for the subject (RFC 8693 §4.1)."},
    "sid": _text("The session behind it.", format="uuid"),
    "auth_time": {"type": "integer", "description": "When the person signed in, in seconds since 1970."},
    "acr": _text("How well the person was authenticated."),
    "amr": {"type": "array", "items": {"type": "string"}, "description": "By what means (RFC 8176)."},
}

SCHEMAS: Mapping[str, Schema] = {
    "Tokens": _object(
        "What was issued (RFC 6749 §5.1).",
        {
            "access_token": _text("The access token, a JWT (RFC 9068) or opaque. Send it as Authorization: Bearer."),
            "token_type": _text("How the access token is sent.", const="Bearer"),
            "expires_in": {"type": "integer", "description": "Seconds until the access token expires."},
            "refresh_token": _text("Gives fresh tokens at /token, if the client may refresh. Keep the newest one."),
            "id_token": _text("Who signed in (OpenID Connect), if the scope openid was given."),
            "scope": _text("The scopes that were given, parted by spaces."),
        },
        frozenset({"refresh_token", "id_token"}),
    ),
    "Introspection": _object(
        "What a token is worth (RFC 7662 §2.2): `active` alone if nothing, or if it is none of the caller's business.",
        _INTROSPECTED,
        frozenset(_INTROSPECTED) - {"active"},
    ),
    "Userinfo": _object(
        "What the token's scopes tell about the person (OpenID Connect Core 1.0 §5.3.2).",
        {
            "sub": _text("The id under which every token names this person.", format="uuid"),
            "preferred_username": _text("The name to sign in with, with the scope profile."),
            "name": _text("The displayed name, with the scope profile."),
            "email": _text("The address, with the scope email."),
            "email_verified": {"type": "boolean", "description": "Whether the address was proved by a mailed link."},
        },
        frozenset({"preferred_username", "name", "email", "email_verified"}),
    ),
    "Account": _object(
        "A person's own account.",
        {
            "sub": _text("The id under which every token names this person.", format="uuid"),
            "username": _text("The name to sign in with."),
            "name": {"type": _TEXT_OR_NULL, "description": "The displayed name."},
            "given_name": {"type": _TEXT_OR_NULL, "description": "The given name."},
            "family_name": {"type": _TEXT_OR_NULL, "description": "The family name."},
            "nickname": {"type": _TEXT_OR_NULL, "description": "What friends say."},
            "locale": {"type": _TEXT_OR_NULL, "description": "The language of letters, such as de or pt-BR."},
            "email": {"type": _TEXT_OR_NULL, "description": "The address."},
            "email_verified": {"type": "boolean", "description": "Whether the address was proved by a mailed link."},
            "created_at": _text("When the account was made.", format="date-time"),
            "pending_email": _text("A new address that waits for its confirmation."),
        },
        frozenset({"pending_email"}),
    ),
    "ApiKey": _object("An API key, without its secret.", _API_KEY),
    "NewApiKey": _object(
        "An API key with its secret, which is told only now.",
        {**_API_KEY, "key": _text("The secret. Exchange it at /token for a short access token (RFC 8693).")},
    ),
    "ApiKeys": _object(
        "The caller's own API keys, oldest first.", {"api_keys": _list_of("One for each key.", ref("ApiKey"))}
    ),
    "RegisteredClient": CLIENT,
    **ADMIN_SHAPES,
    "KeySet": _object(
        "The public keys (RFC 7517 §5).",
        {"keys": {"type": "array", "items": {"type": "object"}, "description": "One JWK for each key."}},
    ),
    "Metadata": {
        "type": "object",
        "description": "The issuer's metadata (RFC 8414 §2, OpenID Connect Discovery 1.0 §3).",
        "properties": {"issuer": _text("The issuer of every token.", format="uri")},
        "required": ["issuer"],
    },
    "Status": _object("The state of the process.", {"status": _text("One word.")}),
    "Error": _object(
        "A refusal of an OAuth endpoint (RFC 6749 §5.2).",
        {
            "error": _text("The code, for programs."),
            "error_description": _text("What was wrong, for developers."),
            "request_id": _REQUEST_ID,
        },
    ),
    "Problem": _object(
        "A refusal of the JSON API (RFC 9457). It never repeats what was sent.",
        {
            "type": _text("Always about:blank; the code tells problems apart."),
            "title": _text("What was wrong, for developers."),
            "status": {"type": "integer", "description": "The HTTP status."},
            "error": _text("The code, for programs."),
            "request_id": _REQUEST_ID,
            "errors": {
                "type": "array",
                "description": "With invalid_fields: each field, and what to mend.",
                "items": _object("One field.", {"field": _text("Its name."), "message": _text("What to mend.")}),
            },
        },
        frozenset({"errors"}),
    ),
}
