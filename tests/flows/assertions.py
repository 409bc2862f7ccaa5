"""Clients that sign assertions and a trusted issuer of workloads, with their keys, and any token one could think of."""

import base64
import functools
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from authsvc.crypto.jwk import SigningKey, generate, load_signing_key
from authsvc.domain.parties.clients import Client, FederatedIdentity
from authsvc.domain.parties.trusted_issuers import WORKLOADS, TrustedIssuer

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_SPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
CI_ISSUER = "https://ci.example"
CI_SUBJECT = "repo:octo/orders:ref:refs/heads/main"
TRUST_DOMAIN = "spiffe://prod.example"
SPIFFE_ID = f"{TRUST_DOMAIN}/ns/shop/sa/orders"
OWN = {"signer": "ES256", "signer-rsa": "RS256", "sharer": "HS256"}
"""Clients that issue assertions of their own, with their algorithms; `workload` presents those of others."""
GONE = object()
"""A member that is left out."""


@functools.cache
def a_key(algorithm: str, of: str) -> SigningKey:
    """The private key of somebody, the same in one run of the tests."""
    return load_signing_key(algorithm, generate(algorithm))


def jwks(*keys: SigningKey, **changed: Any) -> str:
    return json.dumps({"keys": [{**key.public, **changed} for key in keys]})


def clients(plain: Client) -> tuple[Client, ...]:
    """The clients, where `plain` says what they may do."""
    return (
        replace(plain, id="signer", auth_method="private_key_jwt", jwks=jwks(a_key("ES256", "signer")),
                assertion_algorithms=frozenset({"ES256"})),
        replace(plain, id="signer-rsa", auth_method="private_key_jwt", jwks=jwks(a_key("RS256", "signer-rsa")),
                assertion_algorithms=frozenset({"RS256", "PS256"})),
        replace(plain, id="sharer", auth_method="client_secret_jwt", assertion_algorithms=frozenset({"HS256"})),
        replace(plain, id="workload", auth_method="federated_assertion", identities=(
            FederatedIdentity(CI_ISSUER, CI_SUBJECT), FederatedIdentity(TRUST_DOMAIN, SPIFFE_ID),
        )),
    )  # fmt: skip


def issuers(now: datetime) -> tuple[TrustedIssuer, ...]:
    """Who is trusted to speak of workloads."""
    ci = TrustedIssuer(
        issuer=CI_ISSUER, name="CI", jwks=jwks(a_key("RS256", "ci")), jwks_uri=None, algorithms=frozenset({"RS256"}),
        purposes=frozenset({WORKLOADS}), audiences=frozenset(), subject_claim="sub", subject_kind="user_id",
        subjects=frozenset({"repo:octo/*"}), max_token_seconds=900, created_at=now,
    )  # fmt: skip
    bundle = jwks(a_key("ES256", "spiffe"), use="jwt-svid")
    spiffe = replace(
        ci, issuer=TRUST_DOMAIN, name="SPIFFE", jwks=bundle, algorithms=frozenset({"ES256"}), subjects=frozenset()
    )
    return ci, spiffe


def own_claims(client_id: str, issuer: str, now: datetime, **changed: Any) -> dict[str, Any]:
    """What a client says of itself to the issuer; `changed` says what is different."""
    seconds = int(now.timestamp())
    claims = {
        "iss": client_id, "sub": client_id, "aud": issuer, "jti": uuid4().hex, "iat": seconds, "exp": seconds + 60,
    }  # fmt: skip
    return {name: value for name, value in {**claims, **changed}.items() if value is not GONE}


def ci_claims(issuer: str, now: datetime, **changed: Any) -> dict[str, Any]:
    """What the CI says of a job, as it says it (no jti is needed)."""
    seconds = int(now.timestamp())
    claims = {"iss": CI_ISSUER, "sub": CI_SUBJECT, "aud": issuer, "iat": seconds, "exp": seconds + 300}
    return {name: value for name, value in {**claims, **changed}.items() if value is not GONE}


def svid_claims(issuer: str, now: datetime, **changed: Any) -> dict[str, Any]:
    """What a trust domain says of a workload: no iss, as a rule."""
    return ci_claims(issuer, now, **{"iss": GONE, "sub": SPIFFE_ID, "aud": [issuer], **changed})


def compact(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes, key: SigningKey | bytes | None) -> str:
    """A token of any header, signed by the key, or by HMAC under a secret, or not at all."""
    given = {name: value for name, value in header.items() if value is not GONE}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{_encoded(json.dumps(given).encode())}.{_encoded(payload)}"
    if key is None:
        return f"{signed}."
    if isinstance(key, bytes):
        signature = hmac.digest(key, signed.encode(), f"sha{str(given.get('alg'))[2:]}")
    else:
        signature = key.key.sign(signed.encode())
    return f"{signed}.{_encoded(signature)}"


def signed(claims: Mapping[str, Any] | bytes, key: SigningKey | bytes, **header: Any) -> str:
    """A token with an ordinary header, changed as said."""
    ordinary = {"alg": "HS256"} if isinstance(key, bytes) else {"alg": key.algorithm, "kid": key.kid}
    return compact({**ordinary, "typ": "JWT", **header}, claims, key)


def own(client_id: str, secret: str | None, issuer: str, now: datetime, **changed: Any) -> str:
    """A good assertion of one of the clients in OWN, but for what is changed."""
    claims = own_claims(client_id, issuer, now, **changed)
    if secret is not None:
        return signed(claims, secret.encode())
    return signed(claims, a_key(OWN[client_id], client_id), typ="client-authentication+jwt")


def fields(client_id: str, secret: str | None, issuer: str, now: datetime) -> dict[str, str]:
    """The parameters by which the client authenticates once more."""
    if client_id == "workload":
        token = signed(ci_claims(issuer, now), a_key("RS256", "ci"))
    else:
        token = own(client_id, secret, issuer, now)
    return {"client_assertion_type": JWT_BEARER, "client_assertion": token}


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
