"""A person's own account: what every change of it needs to know, and its deletion.

Registration, profile and password have files of their own beside this one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from authsvc.crypto.envelope import MasterKeys
from authsvc.domain.mail.letters import Letterhead, Wording
from authsvc.domain.mail.postbox import Postbox
from authsvc.domain.people.lockout import LockoutPolicy, Schedule
from authsvc.domain.people.passwords import PasswordPolicy
from authsvc.domain.people.users import User
from authsvc.domain.ports import HashPermit, UnitOfWork
from authsvc.domain.sign_in.session_ends import end_sessions
from authsvc.domain.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the process lends to the account API: rules (lifetimes in seconds), and the way to the outbox.

    `confirms_mail`: a registration needs an address and its mailed link. `sends_mail`: a mail server is configured.
    `wording` finds the language of a letter: the reader's own if known, else one that the browser asks for.
    `sign_ups` and `requests` throttle one network address, whatever the names: new accounts, and forgotten passwords.
    """

    passwords: PasswordPolicy
    lockout: LockoutPolicy
    sign_ups: Schedule
    requests: Schedule
    master_keys: MasterKeys
    postbox: Postbox
    mailed_link_seconds: int
    confirms_mail: bool
    sends_mail: bool
    wording: Callable[[str, str], Wording]


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where and when a person asks, the languages that their browser names, and the right to hash."""

    tenant: Tenant
    address: str
    now: datetime
    permit: HashPermit
    languages: str = ""


def letterhead(recipient: str, occasion: Occasion, accounts: Accounts, reader: User | None = None) -> Letterhead:
    """Return the head of a letter; `reader` is whose account it is about."""
    own = reader.details.get("locale") if reader is not None else None
    wording = accounts.wording(own if isinstance(own, str) else "", occasion.languages)
    return Letterhead(occasion.tenant, recipient, wording)


def delete_account(user: User, uow: UnitOfWork, now: datetime) -> None:
    """Delete the user with all sessions, families and links. The id never returns; a second deletion is no error."""
    uow.begin()
    end_sessions(user.id, uow, now)
    uow.users.delete(user.id)
