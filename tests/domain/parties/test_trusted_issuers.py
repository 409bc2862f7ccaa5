from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from authsvc.domain.parties.key_sources import KeySourceInvalid
from authsvc.domain.parties.trusted_issuers import (
    SUBJECTS,
    USERS,
    WORKLOADS,
    TrustedIssuer,
    TrustedIssuerInvalid,
    check_trusted_issuer,
)

ISSUER = TrustedIssuer(
    issuer="https://token.example.com", name="CI", jwks=None, jwks_uri="https://token.example.com/jwks",
    algorithms=frozenset({"RS256", "ES384"}), purposes=frozenset({USERS, SUBJECTS, WORKLOADS}),
    audiences=frozenset({"https://other.example"}), subject_claim="sub", subject_kind="email",
    subjects=frozenset({"repo:us/*", "exact"}), max_token_seconds=3_600, created_at=datetime.now(UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="URL"),
        pytest.param({"issuer": "spiffe://prod.example.com"}, id="SPIFFE"),
        pytest.param({"issuer": "https://kubernetes.default.svc.cluster.local"}, id="cluster"),
        pytest.param({"audiences": frozenset(), "subjects": frozenset()}, id="own audience, any subject"),
    ],
)
def test_an_issuer_may_be_trusted(changed: dict[str, Any]):
    issuer = replace(ISSUER, **changed)
    assert check_trusted_issuer(issuer) is issuer


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"issuer": ""}, id="no issuer"),
        pytest.param({"issuer": "http://token.example.com"}, id="no TLS"),
        pytest.param({"issuer": "https://token.example.com?a"}, id="query"),
        pytest.param({"issuer": "https://token.example.com#a"}, id="fragment"),
        pytest.param({"issuer": "https://u@token.example.com"}, id="user info"),
        pytest.param({"issuer": "spiffe://prod.example.com/path"}, id="SPIFFE with a path"),
        pytest.param({"issuer": "https://token.example.com/" + "a" * 512}, id="too long"),
        pytest.param({"purposes": frozenset()}, id="no purpose"),
        pytest.param({"purposes": frozenset({USERS, "else"})}, id="unknown purpose"),
        pytest.param({"algorithms": frozenset()}, id="no algorithm"),
        pytest.param({"algorithms": frozenset({"RS256", "HS256"})}, id="shared secret"),
        pytest.param({"algorithms": frozenset({"none"})}, id="no signature"),
        pytest.param({"audiences": frozenset({""})}, id="empty audience"),
        pytest.param({"subject_claim": ""}, id="no claim"),
        pytest.param({"subject_kind": "name"}, id="unknown kind"),
        pytest.param({"subjects": frozenset({""})}, id="empty subject"),
        pytest.param({"subjects": frozenset({"*"})}, id="anyone, by a star"),
        pytest.param({"subjects": frozenset({"a*b"})}, id="star within"),
        pytest.param({"subjects": frozenset({"a**"})}, id="two stars"),
        pytest.param({"max_token_seconds": 0}, id="no lifetime"),
        pytest.param({"max_token_seconds": 86_401}, id="longer than a day"),
    ],
)
def test_an_issuer_that_may_not_be_trusted_so_is_refused(changed: dict[str, Any]):
    with pytest.raises(TrustedIssuerInvalid):
        check_trusted_issuer(replace(ISSUER, **changed))


@pytest.mark.parametrize("changed", [{"jwks_uri": None}, {"jwks": "{}"}, {"jwks_uri": "http://intranet/"}])
def test_its_keys_are_checked_too(changed: dict[str, Any]):
    with pytest.raises(KeySourceInvalid):
        check_trusted_issuer(replace(ISSUER, **changed))


def test_keys_on_a_named_host_are_taken():
    check_trusted_issuer(replace(ISSUER, jwks_uri="http://intranet/"), frozenset({"intranet"}))
