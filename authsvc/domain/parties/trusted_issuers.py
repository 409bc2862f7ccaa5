"""Trusted issuers: strangers whose signed tokens count here, for what, and whom they may speak for."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from authsvc.crypto.algorithms import STRANGER_ALGORITHMS
from authsvc.domain.parties.key_sources import check_key_source
from authsvc.domain.web_address import UrlInvalid, read_url
from authsvc.errors import DomainError

USERS, SUBJECTS, WORKLOADS = "users", "subjects", "workloads"
PURPOSES = frozenset({USERS, SUBJECTS, WORKLOADS})
"""users: its tokens sign people in (RFC 7523 §2.1); subjects: they may be exchanged (RFC 8693); workloads: they
authenticate clients (RFC 7523 §2.2)."""

SubjectKind = Literal["user_id", "username", "email"]

MAX_TOKEN_SECONDS = 86_400
"""A replayed assertion must be remembered as long as it lives."""
MAX_ISSUER_CHARACTERS = 512
MAX_SUBJECT_CHARACTERS = 512

_TRUST_DOMAIN = re.compile(r"spiffe://[a-z0-9._-]{1,255}")


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


def check_trusted_issuer(issuer: TrustedIssuer, allowed_hosts: frozenset[str] = frozenset()) -> TrustedIssuer:
    """Return the issuer if it may be trusted so. Raises: TrustedIssuerInvalid, KeySourceInvalid.

    `allowed_hosts` are those that the operator lets the server read from besides the public ones, in lower case.
    """
    _check_identifier(issuer.issuer)
    if not issuer.purposes or not issuer.purposes <= PURPOSES:
        raise TrustedIssuerInvalid(f"purposes: one or more of {', '.join(sorted(PURPOSES))}")
    if not issuer.algorithms or not issuer.algorithms <= frozenset(STRANGER_ALGORITHMS):
        raise TrustedIssuerInvalid(f"algorithms: one or more of {', '.join(STRANGER_ALGORITHMS)}")
    if not all(map(_is_plain_text, issuer.audiences)):
        raise TrustedIssuerInvalid("audiences: none may be empty")
    if not 1 <= issuer.max_token_seconds <= MAX_TOKEN_SECONDS:
        raise TrustedIssuerInvalid(f"max_token_seconds: 1 to {MAX_TOKEN_SECONDS}")
    _check_subjects(issuer)
    check_key_source(issuer.jwks, issuer.jwks_uri, allowed_hosts)
    return issuer


def _check_identifier(identifier: str) -> None:
    if len(identifier) > MAX_ISSUER_CHARACTERS:
        raise TrustedIssuerInvalid(f"issuer: at most {MAX_ISSUER_CHARACTERS} characters")
    if _TRUST_DOMAIN.fullmatch(identifier):
        return
    try:
        address = read_url(identifier)
    except UrlInvalid as error:
        raise TrustedIssuerInvalid(f"issuer: a URL {error}, or spiffe://trust-domain") from None
    if address.scheme != "https" or "?" in identifier:
        # RFC 8414 §2, OpenID Connect Core §2.
        raise TrustedIssuerInvalid("issuer: an https URL without a query, or spiffe://trust-domain")


def _check_subjects(issuer: TrustedIssuer) -> None:
    if not _is_plain_text(issuer.subject_claim):
        raise TrustedIssuerInvalid("subject_claim: the name of a claim, such as sub")
    if issuer.subject_kind not in get_args(SubjectKind):
        raise TrustedIssuerInvalid(f"subject_kind: one of {', '.join(get_args(SubjectKind))}")
    for subject in sorted(issuer.subjects):
        if not _is_plain_text(subject) or "*" in subject[:-1]:
            raise TrustedIssuerInvalid(f"subjects: {subject!r} is neither a text nor one with a single * at its end")
        if subject == "*":
            raise TrustedIssuerInvalid("subjects: name none to let the issuer speak for anyone, not *")


def _is_plain_text(text: str) -> bool:
    return 0 < len(text) <= MAX_SUBJECT_CHARACTERS and text.isprintable()
