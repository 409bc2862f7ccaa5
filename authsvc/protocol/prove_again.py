"""A person who is signed in gives the password again, before something grave; it renews the browser's sign-in."""

from dataclasses import dataclass

from authsvc.domain.people import login
from authsvc.domain.people.login import PasswordAttempt, ProvedUser
from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork
from authsvc.errors import Conflict
from authsvc.protocol.audit import record
from authsvc.protocol.browser_session import Begun, Visit, begin_session
from authsvc.protocol.grant import Issuing
from authsvc.protocol.sign_in import prove_password


@dataclass(frozen=True, slots=True)
class ProvedAgain:
    """The proof, to be stored with what it was given for."""

    proved: ProvedUser
    amr: tuple[str, ...]


def prove_again(user: User, presented_password: str, visit: Visit, uow: UnitOfWork, issuing: Issuing) -> ProvedAgain:
    """Check the password, under the counters of every sign-in.

    Raises: Throttled, BadCredentials, AccountDisabled, OutOfTurn; Conflict if the person was renamed meanwhile.
    """
    attempt = PasswordAttempt(user.username, presented_password, visit.address)
    proved, amr = prove_password(attempt, visit.permit, visit.now, uow, issuing)
    if proved.user.id != user.id:
        raise Conflict("user: renamed meanwhile")
    return ProvedAgain(proved, amr)


def renew_sign_in(proof: ProvedAgain, visit: Visit, uow: UnitOfWork, issuing: Issuing) -> Begun:
    """Store the proof, and return the secret of the browser's new cookie. Within the transaction."""
    uow.begin()
    login.record_success(proof.proved, uow.users, uow.attempts)
    record(uow, visit, "login.succeeded", user_id=proof.proved.user.id)
    issuing.metrics.login("succeeded")
    return begin_session(proof.proved.user.id, proof.amr, visit, uow, issuing)
