"""Trusted issuers: strangers whose signed tokens count here, for what, and whom they may speak for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from authsvc.errors import DomainError

USERS, SUBJECTS, WORKLOADS = "users", "subjects", "workloads"
PURPOSES = frozenset({USERS, SUBJECTS, WORKLOADS})
"""users: its tokens sign people in (RFC 7523 §2.1); subjects: they may be exchanged (RFC 8693); workloads: they
authenticate clients (RFC 7523 §2.2)."""

SubjectKind = Literal["user_id", "username", "email"]


class TrustedIssuerInvalid(DomainError):
    """The issuer cannot be trusted so; the detail says what to mend."""

    rule = "trusted_issuer_invalid"


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """A foreign issuer, with its keys (`jwks` as JSON text, or `jwks_uri`; exactly one) and its rules.

    `audiences` count beside the tenant's own issuer. The claim `subject_claim` names a user by `subject_kind`; an
    e-mail counts only where the token says that it is verified. `subjects` bounds whom it may name: exact texts, or
    with one trailing `*`; empty: anyone. A token that lives longer than `max_token_seconds` is refused.
    """

    issuer: str
    name: str
    jwks: str | None
    jwks_uri: str | None
    algorithms: frozenset[str]
    purposes: frozenset[str]
    audiences: frozenset[str]
    subject_claim: str
    subject_kind: SubjectKind
    subjects: frozenset[str]
    max_token_seconds: int
    created_at: datetime
    disabled_at: datetime | None = None
    version: int = 1

    def is_trusted_for(self, purpose: str) -> bool:
        """Whether its tokens count for this purpose now."""
        return purpose in self.purposes and self.disabled_at is None

    def may_name(self, subject: str) -> bool:
        """Whether it may speak of this subject."""
        return not self.subjects or any(
            subject == rule or (rule.endswith("*") and subject.startswith(rule[:-1])) for rule in self.subjects
        )
