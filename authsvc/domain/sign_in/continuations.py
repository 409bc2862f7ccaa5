"""Continuations: what a browser came for, kept while its person signs in and agrees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

AUTHORIZE, ACCOUNT = "authorize", "account"
PURPOSES = (AUTHORIZE, ACCOUNT)
"""An authorization request, or a visit to the account pages."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """One unfinished errand. The handle stands in URLs and its hash here; it is worth nothing in another browser.

    `browser_hash` is of the cookie that began it; None only for a cross-site POST, until the first GET binds it.
    `parameters` are the authorization request as it came, each name with its values (tokens encrypted): it is judged
    anew at every step.
    `done` names the prompts that the person has answered in this errand (login, consent, select_account, create);
    `session_id` is the sign-in it now stands on, `denied` that the person said no. A change needs the same `version`.
    """

    handle_hash: str
    browser_hash: str | None
    purpose: str
    client_id: str | None
    parameters: Mapping[str, tuple[str, ...]] = field(repr=False)
    created_at: datetime
    expires_at: datetime
    session_id: UUID | None = None
    done: frozenset[str] = frozenset()
    denied: bool = False
    version: int = 1
