"""Which key signs now, which keys are published, and how one follows another.

A key belongs to a tenant and an algorithm and is created at first need, to sign or to be published. A successor is
published before it signs (JWKS max-age + skew); its predecessor stays published until the last thing it signed has
expired.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from authsvc.crypto import envelope, jwk, jws
from authsvc.crypto.claims import Expectation, check_claims
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.crypto.jwk import SigningKey, VerificationKey
from authsvc.crypto.jws import VerifiedClaims
from authsvc.domain.parties.resources import MAX_ACCESS_TOKEN_SECONDS

MAX_VERIFIED = 2_048
"""Signatures that are remembered; only good ones get in, so that no flood of forged tokens can push them out."""

OPAQUE = "opaque"
"""The pseudo-algorithm of the tenant's key for refresh tokens; never published, never rotated by time."""
PAIRWISE = "pairwise"
"""Of the key for pairwise subjects: another one would make everybody a stranger to every such client."""
UNPUBLISHED = frozenset({OPAQUE, PAIRWISE})
FIRST_ALGORITHMS = ("ES256", "RS256")
"""Of access tokens and of ID tokens, where nobody asks for another."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is stored. `ordinal` counts the keys of one algorithm from 1; the private part is encrypted."""

    kid: str
    algorithm: str
    ordinal: int
    private_encrypted: bytes
    public: Mapping[str, Any]
    created_at: datetime
    activates_at: datetime
    retires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_published(self, now: datetime) -> bool:
        """Whether verifiers may trust it."""
        return self.revoked_at is None and (self.retires_at is None or now < self.retires_at)

    def may_sign(self, now: datetime) -> bool:
        """Whether every verifier's cached key set has it by now."""
        return self.is_published(now) and self.activates_at <= now


class KeyStore(Protocol):
    """The narrow part of the key store that the keyring uses (domain/ports.py: Keys)."""

    def list(self) -> tuple[KeyRecord, ...]: ...

    def add(self, record: KeyRecord) -> bool: ...

    def retire(self, kid: str, retires_at: datetime) -> bool: ...

    def revoke(self, kid: str, now: datetime) -> bool: ...


class KeyUnit(Protocol):
    """The part of a unit of work that the keyring uses."""

    @property
    def tenant_id(self) -> UUID: ...

    @property
    def keys(self) -> KeyStore: ...

    def begin(self) -> None: ...


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """Seconds: how long verifiers may cache the key set, and how far clocks may differ."""

    jwks_max_age_seconds: int
    skew_seconds: int


class Keyring:
    """The process's opened keys. Safe to share between threads: entries are only added, and equal."""

    def __init__(self, master_keys: MasterKeys, policy: KeyPolicy) -> None:
        self._master_keys = master_keys
        self._policy = policy
        self._signing: dict[tuple[UUID, str], SigningKey] = {}
        self._opaque: dict[tuple[UUID, str], bytes] = {}
        self._verification: dict[tuple[UUID, str], VerificationKey] = {}
        self._verified: dict[tuple[bytes, str], tuple[VerificationKey, VerifiedClaims]] = {}

    def prepare(self, unit: KeyUnit, now: datetime) -> None:
        """Make the keys of a tenant's first tokens, as far as they are not there."""
        self.opaque_key(unit, now)  # in the order in which grants lock them
        for algorithm in FIRST_ALGORITHMS:
            self.signing_key(algorithm, unit, now)

    def signing_key(self, algorithm: str, unit: KeyUnit, now: datetime) -> SigningKey:
        """Return the newest key that may sign, creating the first one."""
        record = self._current(algorithm, unit, now)
        entry = (unit.tenant_id, record.kid)
        if entry not in self._signing:
            self._signing[entry] = jwk.load_signing_key(algorithm, self._open(record, unit.tenant_id))
        return self._signing[entry]

    def opaque_key(self, unit: KeyUnit, now: datetime) -> bytes:
        """Return the tenant's 32-byte key for refresh tokens, creating it at first need."""
        return self._secret(OPAQUE, unit, now)

    def pairwise_key(self, unit: KeyUnit, now: datetime) -> bytes:
        """Return the tenant's 32-byte key for pairwise subjects, creating it at first need."""
        return self._secret(PAIRWISE, unit, now)

    def _secret(self, algorithm: str, unit: KeyUnit, now: datetime) -> bytes:
        record = self._current(algorithm, unit, now)
        entry = (unit.tenant_id, record.kid)
        if entry not in self._opaque:
            self._opaque[entry] = self._open(record, unit.tenant_id)
        return self._opaque[entry]

    def verification_key(self, kid: str, unit: KeyUnit, now: datetime) -> VerificationKey | None:
        """Return the published key of that id, for tokens of the tenant's own."""
        for record in unit.keys.list():
            if record.kid == kid and record.algorithm not in UNPUBLISHED and record.is_published(now):
                entry = (unit.tenant_id, kid)
                if entry not in self._verification:
                    self._verification[entry] = jwk.load_verification_key(record.public, (record.algorithm,))
                return self._verification[entry]
        return None

    def verify(self, token: str, expected: Expectation, unit: KeyUnit, now: datetime) -> VerifiedClaims:
        """Return the claims of a token of the tenant's own, as `jws.verify`.

        The same token is asked about many times, and mathematics does not change: a signature that was good is
        remembered by the token's hash; its key, claims and instants are judged at each call. Raises: TokenError.
        """
        entry = (hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(), expected.typ)
        known = self._verified.get(entry)
        # Another object would be a key that was revoked, or another tenant's.
        if known is not None and self._is_published(known[0], unit, now):
            check_claims(known[1], expected, now.timestamp())
            return known[1]
        used: list[VerificationKey | None] = []

        def find(kid: str) -> VerificationKey | None:
            used.append(self.verification_key(kid, unit, now))
            return used[-1]

        claims = jws.verify(token, find, expected, now.timestamp())
        if used[0] is not None:
            if len(self._verified) >= MAX_VERIFIED:
                self._verified.clear()
            self._verified[entry] = (used[0], claims)
        return claims

    def _is_published(self, key: VerificationKey, unit: KeyUnit, now: datetime) -> bool:
        return key.kid is not None and self.verification_key(key.kid, unit, now) is key

    def rotate(self, algorithm: str, unit: KeyUnit, now: datetime) -> KeyRecord:
        """Publish a successor that signs once every cached key set has it; retire its predecessors after that."""
        policy = self._policy
        activates_at = now + timedelta(seconds=policy.jwks_max_age_seconds + policy.skew_seconds)
        retires_at = activates_at + timedelta(seconds=MAX_ACCESS_TOKEN_SECONDS + policy.skew_seconds)
        older = [record for record in unit.keys.list() if record.algorithm == algorithm]
        successor = self._create(algorithm, unit, now, activates_at if older else now)
        for record in older:
            if record.revoked_at is None and record.retires_at is None:
                unit.keys.retire(record.kid, retires_at)
        return successor

    def revoke(self, kid: str, unit: KeyUnit, now: datetime) -> bool:
        """Take a key out of the key set and replace it at once; what it signed is refused here from now on."""
        unit.begin()
        record = next((record for record in unit.keys.list() if record.kid == kid), None)
        if record is None or not unit.keys.revoke(kid, now):
            return False
        self._current(record.algorithm, unit, now)
        return True

    def _current(self, algorithm: str, unit: KeyUnit, now: datetime) -> KeyRecord:
        record = _newest(algorithm, unit, now)
        if record is None:
            unit.begin()
            # What was read before may be a moment old: a second first key would sign before verifiers know it.
            record = _newest(algorithm, unit, now) or self._made_ahead(algorithm, unit, now)
        return record or self._create(algorithm, unit, now, now)

    def _made_ahead(self, algorithm: str, unit: KeyUnit, now: datetime) -> KeyRecord | None:
        """Return the key that a node with a clock ahead of ours has made: a second one must not displace it.

        However far ahead that clock was, if the key is a secret: what was derived under the displaced one would be
        dead.
        """
        if algorithm in UNPUBLISHED:
            living = (
                record for record in unit.keys.list() if record.algorithm == algorithm and record.revoked_at is None
            )
            return next(living, None)
        return _newest(algorithm, unit, now + timedelta(seconds=self._policy.skew_seconds))

    def _create(self, algorithm: str, unit: KeyUnit, now: datetime, activates_at: datetime) -> KeyRecord:
        unit.begin()
        ordinal = 1 + max((record.ordinal for record in unit.keys.list() if record.algorithm == algorithm), default=0)
        kid, private, public = _generate(algorithm)
        record = KeyRecord(
            kid=kid, algorithm=algorithm, ordinal=ordinal, public=public, created_at=now, activates_at=activates_at,
            private_encrypted=envelope.encrypt(private, key_place(unit.tenant_id, kid), self._master_keys),
        )  # fmt: skip
        if unit.keys.add(record):
            return record
        # Another process was quicker: its key is the one that the others already see.
        return next(known for known in unit.keys.list() if known.algorithm == algorithm and known.ordinal == ordinal)

    def _open(self, record: KeyRecord, tenant_id: UUID) -> bytes:
        return envelope.decrypt(record.private_encrypted, key_place(tenant_id, record.kid), self._master_keys)


def _newest(algorithm: str, unit: KeyUnit, now: datetime) -> KeyRecord | None:
    for record in reversed(unit.keys.list()):
        if record.algorithm == algorithm and record.may_sign(now):
            return record
    return None


def is_prepared(records: tuple[KeyRecord, ...], now: datetime) -> bool:
    """Say whether the keys of a tenant's first tokens are published."""
    return {record.algorithm for record in records if record.is_published(now)}.issuperset(FIRST_ALGORITHMS)


def published_keys(records: tuple[KeyRecord, ...], now: datetime) -> tuple[Mapping[str, Any], ...]:
    """Return the public JWKs of the key set, in the order in which they were made (RFC 7517 §5)."""
    return tuple(
        record.public for record in records if record.algorithm not in UNPUBLISHED and record.is_published(now)
    )


def key_place(tenant_id: UUID, kid: str) -> Place:
    """Return where a private key lies: bound into its encryption, so that rows cannot be swapped."""
    return Place(tenant=str(tenant_id), table="signing_keys", row=kid, column="private_encrypted")


def _generate(algorithm: str) -> tuple[str, bytes, Mapping[str, Any]]:
    if algorithm in UNPUBLISHED:
        return secrets.token_hex(16), secrets.token_bytes(32), {}
    private = jwk.generate(algorithm)
    key = jwk.load_signing_key(algorithm, private)
    return key.kid, private, key.public
