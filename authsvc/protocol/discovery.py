"""The metadata documents, computed from the tables that the endpoints run on, so that they cannot lie.

Source: RFC 8414, OpenID Connect Discovery 1.0.
"""

from collections.abc import Mapping

from authsvc.domain.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES, Resource
from authsvc.domain.tenants import Tenant
from authsvc.protocol import introspect
from authsvc.protocol.client_auth import ASSERTION_ALGORITHMS, METHODS, UNREGISTERED_METHODS, none
from authsvc.protocol.grants import GRANTS, password

Metadata = Mapping[str, str | list[str] | bool]


def metadata(tenant: Tenant, resources: tuple[Resource, ...], signing_algorithms: tuple[str, ...]) -> Metadata:
    """Return the document of one issuer; only what is there is named.

    The password grant is left out: it is off, but for the clients that an administrator migrates. Empty lists are left
    out (RFC 8414 §3.2), but for response_types_supported, which §2 requires.
    """
    issuer = tenant.issuer
    scopes = {ACCOUNT_SCOPE, *IDENTITY_SCOPES}
    for resource in resources:
        if resource.disabled_at is None:
            scopes |= resource.scopes
    members: Metadata = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": sorted(scopes),
        "response_types_supported": [],
        "grant_types_supported": sorted(name for name in GRANTS if name != password.GRANT_TYPE),
        **_client_authentication("token", _METHODS),
        **_client_authentication("introspection", _METHODS - {none.METHOD}),
        **_client_authentication("revocation", _METHODS),
        "introspection_signing_alg_values_supported": [introspect.SIGNING_ALGORITHM],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(signing_algorithms),
        "claims_supported": CLAIMS,
        "protected_resources": sorted(item.audience for item in resources if item.disabled_at is None),
    }
    return {name: value for name, value in members.items() if value != [] or name == "response_types_supported"}


def _client_authentication(endpoint: str, methods: frozenset[str]) -> Metadata:
    return {
        f"{endpoint}_endpoint_auth_methods_supported": sorted(methods),
        f"{endpoint}_endpoint_auth_signing_alg_values_supported": sorted(ASSERTION_ALGORITHMS),
    }


_METHODS = frozenset(METHODS) - UNREGISTERED_METHODS
CLAIMS = [
    "amr", "auth_time", "email", "email_verified", "name", "preferred_username", "sid", "sub",
]  # fmt: skip
