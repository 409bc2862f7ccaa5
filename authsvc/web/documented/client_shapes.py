"""The shapes of client metadata, computed from the table of its members."""

from collections.abc import Mapping

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
_TYPES: tuple[tuple[Kind, Schema], ...] = (
    (LIST, _TEXT_LIST), (FLAG, {"type": "boolean"}), (SECONDS, {"type": "integer"}), (KEY_SET, {"type": "object"}),
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
