"""The shapes of client metadata, computed from the table of its members."""

from collections.abc import Mapping

from authsvc.protocol.client_administration_members import IDENTITIES, OF_CLIENT_BY_ADMIN, OF_PARTY_BY_ADMIN, SET
from authsvc.protocol.client_members import (
    FLAG,
    KEY_SET,
    LIST,
    OF_CLIENT,
    OF_PARTY,
    PEOPLES_TEXTS,
    SECONDS,
    Kind,
)
from authsvc.web.documented.operation import Schema

_TEXT: Schema = {"type": "string"}
_TEXT_LIST: Schema = {"type": "array", "items": {"type": "string"}}
_IDENTITIES: Schema = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}
_TYPES: tuple[tuple[Kind, Schema], ...] = (
    (LIST, _TEXT_LIST), (SET, _TEXT_LIST), (IDENTITIES, _IDENTITIES), (FLAG, {"type": "boolean"}),
    (SECONDS, {"type": "integer"}), (KEY_SET, {"type": "object"}),
)  # fmt: skip
_ABOUT: Mapping[str, str] = {
    "redirect_uris": "Where browsers may be sent back to: compared as a whole.",
    "client_name": "Its name for people; also client_name#de and so on, as the links below.",
    "client_uri": "Its home page.",
    "logo_uri": "Its picture.",
    "policy_uri": "What it does with people's data.",
    "tos_uri": "Its terms.",
    "contacts": "Who answers for it.",
    "scope": "What it may ask for, parted by spaces; what cannot be had here is left out.",
    "grant_types": "authorization_code and refresh_token; others are left out.",
    "response_types": "code.",
    "token_endpoint_auth_method": "How it proves who it is; client_secret_basic by default.",
    "token_endpoint_auth_signing_alg": "What signs its assertions.",
    "jwks": "Its public keys; or jwks_uri.",
    "jwks_uri": "Where its public keys are.",
    "application_type": "web, or native, which may have a scheme of its own in its redirect URIs.",
    "sector_identifier_uri": "A list of the redirect URIs of all clients for which people have the same names.",
    "subject_type": "public, or pairwise: names of people that only it knows.",
    "id_token_signed_response_alg": "What signs its ID tokens; RS256 by default.",
    "userinfo_signed_response_alg": "What signs its answers of /userinfo; they are plain JSON by default.",
    "request_object_signing_alg": "What it signs its authorization requests with.",
    "default_max_age": "How old a sign-in may be, in seconds.",
    "require_auth_time": "Whether it is always told when the person signed in.",
    "default_acr_values": "How people should sign in if a request says nothing.",
    "initiate_login_uri": "Where others may begin a sign-in with it.",
    "post_logout_redirect_uris": "Where browsers may be sent after signing out.",
    "backchannel_logout_uri": "Is told when a session ends.",
    "backchannel_logout_session_required": "Whether it must be told which.",
    "frontchannel_logout_uri": "Is shown in a frame when a session ends.",
    "frontchannel_logout_session_required": "Whether it must be told which.",
    "software_id": "What program it is.",
    "software_version": "Of what version.",
}
_OF_ADMIN: Mapping[str, str] = {
    "client_name": "Its name for people; also client_name#de and so on, as the links below.",
    "first_party": "Whether it is your own app, which may post people's passwords to /login.",
    "skips_consent": "Whether people are not asked what it may do.",
    "grant_types": "What it may present at /token.",
    "scope": "What it may ask for, parted by spaces: scopes of its resources.",
    "resources": "The audiences of what it may use; ISSUER/admin is the admin API.",
    "serves": "The audiences of the resources whose server it is.",
    "origins": "Browser origins that may call for it.",
    "profile": "The rules that it is held to: oauth2.1 or oidc.",
    "assertion_algorithms": "What may sign its assertions; all that go with its method, if nothing is said.",
    "identities": "For federated_assertion: whose tokens of a trusted issuer are this client.",
    "sector": "The host that pairwise names are made for, if it has several.",
}
_OF_SERVER: Mapping[str, Schema] = {
    "client_id": {**_TEXT, "description": "Its id."},
    "client_id_issued_at": {"type": "integer", "description": "When, in seconds since 1970."},
    "client_secret": {**_TEXT, "description": "Its secret, told once, when it is made."},
    "client_secret_expires_at": {"type": "integer", "description": "0: it does not expire.", "const": 0},
    "registration_access_token": {**_TEXT, "description": "Reads, changes and deletes the registration."},
    "registration_client_uri": {**_TEXT, "description": "Where that is done.", "format": "uri"},
}


def _members() -> dict[str, Schema]:
    rows = (*OF_CLIENT, *OF_PARTY)
    types = {row.name: next((shape for kind, shape in _TYPES if kind is row.kind), _TEXT) for row in rows}
    types |= {"grant_types": _TEXT_LIST, "response_types": _TEXT_LIST}
    # In the order of the table, which is the order in which one reads them.
    named = dict.fromkeys((*_ABOUT, *types, *PEOPLES_TEXTS))
    return {name: {**types.get(name, _TEXT), "description": _ABOUT.get(name, "")} for name in named}


def _by_admin() -> dict[str, Schema]:
    """Return the members that an administrator may write: those above, and what no client may say of itself."""
    rows = (*OF_CLIENT_BY_ADMIN, *OF_PARTY_BY_ADMIN)
    types = {row.name: next((shape for kind, shape in _TYPES if kind is row.kind), _TEXT) for row in rows}
    named = dict.fromkeys((*_OF_ADMIN, *types, *PEOPLES_TEXTS))
    return {
        name: {**types.get(name, _TEXT), "description": _OF_ADMIN.get(name, _ABOUT.get(name, ""))} for name in named
    }  # fmt: skip


METADATA: Schema = {
    "type": "object", "description": "What a client wants to be known by.", "properties": _members(),
    "required": ["redirect_uris"],
}  # fmt: skip
CLIENT: Schema = {
    "type": "object",
    "description": "A client as it is registered (RFC 7591 §3.2.1).",
    "properties": {**_OF_SERVER, **_members()},
    "required": sorted({*_OF_SERVER, "redirect_uris", "scope"} - {"client_secret", "client_secret_expires_at"}),
}
_DISABLED: Schema = {"type": "boolean", "description": "Whether every request of it is refused, within a second."}
ADMIN_METADATA: Schema = {
    "type": "object",
    "description": "What an administrator says of a client; null takes a member away.",
    "properties": {**_by_admin(), "disabled": _DISABLED},
    "required": [],
}
NEW_CLIENT: Schema = {
    **ADMIN_METADATA,
    "properties": {
        "client_id": {**_TEXT, "description": "Its id; chosen by chance if left out."}, **ADMIN_METADATA["properties"],
    },
}  # fmt: skip
_INSTANT = ["string", "null"]
SECRET: Schema = {
    "type": "object",
    "description": "A secret of a client, by its short name.",
    "properties": {
        "id": {**_TEXT, "description": "Its short name; it is no secret."},
        "created_at": {**_TEXT, "format": "date-time", "description": "When it was made."},
        "client_secret": _OF_SERVER["client_secret"],
    },
    "required": ["id", "created_at"],
}
ADMIN_CLIENT: Schema = {
    "type": "object",
    "description": "A client, as administrators see one.",
    "properties": {
        "client_id": _OF_SERVER["client_id"],
        "client_secret": _OF_SERVER["client_secret"],
        **_by_admin(),
        "secrets": {"type": "array", "items": SECRET, "description": "Its live secrets, by their short names."},
        "manages_itself": {"type": "boolean", "description": "Whether it has a registration access token."},
        "registered_with": {"type": _INSTANT, "description": "How it registered itself; null: it did not."},
        "disabled": _DISABLED,
        "created_at": {**_TEXT, "format": "date-time", "description": "When it was made."},
        "disabled_at": {"type": _INSTANT, "format": "date-time", "description": "Since when it is refused."},
    },
    "required": ["client_id", "secrets", "scope", "disabled", "created_at", "disabled_at"],
}
