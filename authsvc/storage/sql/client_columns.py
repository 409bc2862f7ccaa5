"""How a client's secrets, identities and exchange policies are written in one column each: JSON text."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from authsvc.domain.parties.clients import ClientSecret, FederatedIdentity
from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.storage.sql.base import EPOCH, compact_json, micros


class Secrets(TypeDecorator[tuple[ClientSecret, ...]]):
    """A client's live secrets: [id, hash, created_at], and the encrypted secret where it is kept."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[ClientSecret, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json([_written_secret(secret) for secret in value])

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[ClientSecret, ...] | None:  # noqa: ARG002, D102
        return None if value is None else tuple(_read_secret(*secret) for secret in json.loads(value))


class Identities(TypeDecorator[tuple[FederatedIdentity, ...]]):
    """A client's external identities: [issuer, subject, audience]."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[FederatedIdentity, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json([[each.issuer, each.subject, each.audience] for each in value])

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[FederatedIdentity, ...] | None:  # noqa: ARG002, D102
        return None if value is None else tuple(FederatedIdentity(*each) for each in json.loads(value))


class Exchanges(TypeDecorator[tuple[ExchangePolicy, ...]]):
    """A client's exchange policies, one object each."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[ExchangePolicy, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else compact_json([_written_policy(policy) for policy in value])

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[ExchangePolicy, ...] | None:  # noqa: ARG002, D102
        return None if value is None else tuple(_read_policy(policy) for policy in json.loads(value))


def _written_secret(secret: ClientSecret) -> list[Any]:
    written: list[Any] = [secret.id, secret.secret_hash, micros(secret.created_at)]
    if secret.secret_encrypted is not None:
        written.append(b64encode(secret.secret_encrypted).decode())
    return written


def _read_secret(secret_id: str, secret_hash: str, created: int, encrypted: str | None = None) -> ClientSecret:
    created_at = EPOCH + timedelta(microseconds=created)
    return ClientSecret(secret_id, secret_hash, created_at, None if encrypted is None else b64decode(encrypted))


def _written_policy(policy: ExchangePolicy) -> dict[str, Any]:
    return {
        "audience": policy.audience,
        "clients": sorted(policy.clients),
        "issuers": sorted(policy.issuers),
        "api_keys": policy.api_keys,
        "scopes": [[had, sorted(given)] for had, given in policy.scopes],
        "any_audience": policy.any_audience,
        "modes": sorted(policy.modes),
    }


def _read_policy(written: dict[str, Any]) -> ExchangePolicy:
    return ExchangePolicy(
        audience=written["audience"],
        clients=frozenset(written["clients"]),
        issuers=frozenset(written["issuers"]),
        api_keys=written["api_keys"],
        scopes=tuple((had, frozenset(given)) for had, given in written["scopes"]),
        any_audience=written["any_audience"],
        modes=frozenset(written["modes"]),
    )
