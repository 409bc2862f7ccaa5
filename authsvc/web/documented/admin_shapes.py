"""The shapes of the admin API's answers, and what each field of its bodies is."""

from collections.abc import Mapping

from authsvc.web.documented.client_shapes import ADMIN_CLIENT, SECRET
from authsvc.web.documented.operation import Schema

_OR_NULL = ["string", "null"]


def _text(description: str, **more: object) -> Schema:
    return {"type": "string", "description": description, **more}


def _maybe(description: str, **more: object) -> Schema:
    return {"type": _OR_NULL, "description": description, **more}


def _number(description: str) -> Schema:
    return {"type": "integer", "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _shape(description: str, properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object", "description": description, "properties": dict(properties), "required": list(properties),
    }  # fmt: skip


def _page(of: str, shape: str) -> Schema:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{shape}"}, "description": "One for each."}
    return _shape(
        f"A page of {of}.", {of: items, "next_cursor": _maybe("Gives the next page as `cursor`; null: that was all.")}
    )


FIELDS: Mapping[str, str] = {
    "email_verified": "Whether the address counts as the person's own: you vouch for it.",
    "given_name": "The given name.",
    "family_name": "The family name.",
    "nickname": "What friends say.",
    "locale": "The person's language, such as de or pt-BR.",
    "password_hash": "Instead of a password: its hash as another system kept it (bcrypt, PBKDF2, scrypt, SHA-crypt, "
    "Argon2, Django's). It is replaced at the first sign-in.",
    "disabled": "Whether it is refused everywhere.",
    "audience": "Its identifier, an absolute URI; it never changes.",
    "algorithm": "What signs its access tokens.",
    "access_token_seconds": "How long its access tokens live; null: as long as the server's setting says.",
    "token_format": "jwt, or opaque: then it must ask about each token.",
    "issuer": "Its public URL: a host of its own, or a path /t/NAME; it never changes.",
    "display_name": "What people are shown as its name.",
    "accent": "The colour of buttons and links, #rrggbb.",
    "accent_dark": "The same for dark pages.",
    "client_registration": "Who may register clients over HTTP: nobody, who has a registration token, or everybody.",
}
ADMIN_SHAPES: Mapping[str, Schema] = {
    "User": _shape(
        "A user, as administrators see one.",
        {
            "id": _text("The id under which tokens name this person (`sub`).", format="uuid"),
            "username": _text("The name to sign in with."),
            "email": _maybe("The address."),
            "email_verified": _flag("Whether the address is known to be the person's own."),
            "name": _maybe("The displayed name."),
            "family_name": _maybe("The family name."),
            "given_name": _maybe("The given name."),
            "locale": _maybe("The person's language."),
            "nickname": _maybe("What friends say."),
            "has_password": _flag("Whether there is a password to sign in with."),
            "disabled": _flag("Whether the user is refused everywhere."),
            "created_at": _text("When the user was made.", format="date-time"),
            "updated_at": _maybe("When the profile was last changed.", format="date-time"),
            "disabled_at": _maybe("Since when the user is refused.", format="date-time"),
        },
    ),
    "Users": _page("users", "User"),
    "UserImport": _shape(
        "A file of users on its way in.",
        {
            "id": _text("Its id.", format="uuid"),
            "state": _text("Where it is.", enum=["waiting", "running", "done", "failed", "cancelled"]),
            "format": _text("What the file is.", enum=["csv", "jsonl"]),
            "dry_run": _flag("Whether it only checks."),
            "bytes_total": _number("The size of the file."),
            "bytes_read": _number("How much of it is imported."),
            "rows_read": _number("How many rows that is."),
            "added": _number("Users that were added; of a dry run, that would be."),
            "unchanged": _number("Rows that are here already, exactly so."),
            "refused": _number("Rows that were refused."),
            "summary": _text("The same in words."),
            "problem": _maybe("Why it failed; the rows before are stored."),
            "created_at": _text("When it was handed over.", format="date-time"),
            "over_at": _maybe("When it ended.", format="date-time"),
            "refused_rows": {
                "type": "array",
                "description": "A page of the refused rows in the order of lines; the first 10,000 are kept.",
                "items": _shape(
                    "A refused row.",
                    {
                        "line": _number("Where it begins."),
                        "reason": _text("What is wrong with it, never what it holds."),
                    },
                ),
            },
            "next_cursor": _maybe("Gives the next page as `cursor`; null: that was all."),
        },
    ),
    "Client": ADMIN_CLIENT,
    "Clients": _page("clients", "Client"),
    "ClientSecret": SECRET,
    "Resource": _shape(
        "An API that tokens are for.",
        {
            "id": _text("Its audience in base64url, for URLs."),
            "audience": _text("Its identifier.", format="uri"),
            "name": _text("Its name for people."),
            "scopes": {"type": "array", "items": {"type": "string"}, "description": "What can be asked of it."},
            "algorithm": _text("What signs its access tokens."),
            "access_token_seconds": {
                "type": ["integer", "null"],
                "description": "How long its access tokens live; null: as the setting says.",
            },
            "token_format": _text("jwt or opaque."),
            "disabled": _flag("Whether no tokens for it are issued or good."),
            "created_at": _text("When it was registered.", format="date-time"),
            "disabled_at": _maybe("Since when.", format="date-time"),
        },
    ),
    "Resources": _page("resources", "Resource"),
    "Tenant": _shape(
        "An issuer of its own.",
        {
            "name": _text("Its name, for URLs and the command line."),
            "id": _text("Its id.", format="uuid"),
            "issuer": _text("The issuer of its tokens.", format="uri"),
            "default": _flag("Whether it is the one without a name in its URL."),
            "client_registration": _text("Who may register clients over HTTP: off, token or open."),
            "display_name": _maybe("What people are shown as its name."),
            "accent": _maybe("The colour of buttons and links."),
            "accent_dark": _maybe("The same for dark pages."),
            "logo_type": _maybe("The media type of its logo, if it has one."),
            "disabled": _flag("Whether no request for it is served."),
            "created_at": _text("When it was made.", format="date-time"),
            "disabled_at": _maybe("Since when.", format="date-time"),
        },
    ),
    "Tenants": _page("tenants", "Tenant"),
}
