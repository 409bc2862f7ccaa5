"""The metadata documents, computed from the tables that the endpoints run on, so that they cannot lie.

Source: RFC 8414, OpenID Connect Discovery 1.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from authsvc.domain.parties.relying_parties import SUBJECT_TYPES
from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES, Resource
from authsvc.domain.tenants import REGISTRATION_OFF, Tenant
from authsvc.protocol import introspect
from authsvc.protocol.acr import ACR_VALUES
from authsvc.protocol.authorize import pkce, request_object
from authsvc.protocol.authorize.prompt import offered
from authsvc.protocol.authorize.response import RESPONSE_TYPE
from authsvc.protocol.claims import PERSONAL
from authsvc.protocol.client_auth import ASSERTION_ALGORITHMS, METHODS, UNREGISTERED_METHODS, none
from authsvc.protocol.grants import GRANTS, password
from authsvc.protocol.way_back import RESPONSE_MODES

_ASSERTED = ("acr", "amr", "auth_time", "sid", "sub")
"""What is told of the sign-in itself; the personal claims are in the table of scopes."""
Metadata = Mapping[str, str | list[str] | bool]


@dataclass(frozen=True, slots=True)
class Pages:
    """What there is for people: the languages of the pages, and whether one of them signs up."""

    languages: tuple[str, ...]
    signs_up: bool


def metadata(
    tenant: Tenant, resources: tuple[Resource, ...], signing_algorithms: tuple[str, ...], pages: Pages
) -> Metadata:
    """Return the document of one issuer; only what is there is named.

    The password grant is left out: it is off, but for the clients that an administrator migrates. Empty lists are left
    out (RFC 8414 §3.2).
    """
    issuer = tenant.issuer
    scopes = {ACCOUNT_SCOPE, *IDENTITY_SCOPES}
    for resource in resources:
        if resource.disabled_at is None:
            scopes |= resource.scopes
    members: dict[str, str | list[str] | bool] = {
        "issuer": issuer,
        **_authorization(issuer, pages),
        "token_endpoint": f"{issuer}/token",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "end_session_endpoint": f"{issuer}/connect/logout",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": sorted(scopes),
        "grant_types_supported": sorted(name for name in GRANTS if name != password.GRANT_TYPE),
        **_client_authentication("token", _METHODS),
        **_client_authentication("introspection", _METHODS - {none.METHOD}),
        **_client_authentication("revocation", _METHODS),
        "introspection_signing_alg_values_supported": [introspect.SIGNING_ALGORITHM],
        "subject_types_supported": list(SUBJECT_TYPES),
        "id_token_signing_alg_values_supported": list(signing_algorithms),
        "userinfo_signing_alg_values_supported": list(signing_algorithms),
        "claims_supported": sorted({*_ASSERTED, *PERSONAL}),
        **_LOGOUT,
        "protected_resources": sorted(item.audience for item in resources if item.disabled_at is None),
    }
    if tenant.client_registration != REGISTRATION_OFF:
        members["registration_endpoint"] = f"{issuer}/connect/register"
    return {name: value for name, value in members.items() if value != []}


def _authorization(issuer: str, pages: Pages) -> Metadata:
    return {
        "authorization_endpoint": f"{issuer}/authorize",
        "response_types_supported": [RESPONSE_TYPE],
        "response_modes_supported": list(RESPONSE_MODES),
        "code_challenge_methods_supported": [pkce.METHOD],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": list(offered(signs_up=pages.signs_up)),
        "acr_values_supported": list(ACR_VALUES),
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        # To say nothing would mean that it is (OpenID Connect Discovery §3).
        "request_uri_parameter_supported": False,
        "request_object_signing_alg_values_supported": list(request_object.ALGORITHMS),
        "ui_locales_supported": list(pages.languages),
    }


def _client_authentication(endpoint: str, methods: frozenset[str]) -> Metadata:
    return {
        f"{endpoint}_endpoint_auth_methods_supported": sorted(methods),
        f"{endpoint}_endpoint_auth_signing_alg_values_supported": sorted(ASSERTION_ALGORITHMS),
    }


_LOGOUT = {
    f"{channel}_logout_{what}supported": True
    for channel in ("backchannel", "frontchannel")
    for what in ("", "session_")
}
"""Clients are told of the end of a session, and of which one."""
_METHODS = frozenset(METHODS) - UNREGISTERED_METHODS
