"""The shapes of answers, as JSON Schema, by the name under which the document refers to them."""

from collections.abc import Mapping

from authsvc.web.documented.operation import Schema


def ref(name: str) -> Schema:
    """Return the reference to a named shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, properties: Mapping[str, Schema], optional: frozenset[str] = frozenset()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": dict(properties), "required": required}


def _text(description: str, **more: object) -> Schema:
    return {"type": "string", "description": description, **more}


_REQUEST_ID = _text("Names this request in the server's log: quote it when you ask for help.")
_TEXT_OR_NULL = ["string", "null"]

SCHEMAS: Mapping[str, Schema] = {
    "Tokens": _object(
        "What was issued (RFC 6749 §5.1).",
        {
            "access_token": _text("The access token, a JWT (RFC 9068). Send it as Authorization: Bearer."),
            "token_type": _text("How the access token is sent.", const="Bearer"),
            "expires_in": {"type": "integer", "description": "Seconds until the access token expires."},
            "refresh_token": _text("Gives fresh tokens at /token, if the client may refresh. Keep the newest one."),
            "id_token": _text("Who signed in (OpenID Connect), if the scope openid was given."),
            "scope": _text("The scopes that were given, parted by spaces."),
        },
        frozenset({"refresh_token", "id_token"}),
    ),
    "Account": _object(
        "A person's own account.",
        {
            "sub": _text("The id under which every token names this person.", format="uuid"),
            "username": _text("The name to sign in with."),
            "name": {"type": _TEXT_OR_NULL, "description": "The displayed name."},
            "email": {"type": _TEXT_OR_NULL, "description": "The address."},
            "email_verified": {"type": "boolean", "description": "Whether the address was proved by a mailed link."},
            "created_at": _text("When the account was made.", format="date-time"),
            "pending_email": _text("A new address that waits for its confirmation."),
        },
        frozenset({"pending_email"}),
    ),
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
