"""Who has just made an account in a browser, with a password, is signed in there: they need not type it again."""

from dataclasses import replace

from authsvc.domain.people.login import BEGUN, PASSWORD, advance, means_of
from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.continuations import Continuation
from authsvc.protocol.audit import record
from authsvc.protocol.browser_session import Begun, Visit, begin_session
from authsvc.protocol.browser_sign_in import CREATE
from authsvc.protocol.grant import Issuing


def sign_up_browser(user: User, flow: Continuation, visit: Visit, uow: UnitOfWork, issuing: Issuing) -> Begun:
    """Sign the new user in, for the errand, and return the new cookie's secret.

    Raises: OutOfTurn if a password alone signs nobody in; Conflict if the errand went on meanwhile.
    """
    amr = means_of(advance(BEGUN, PASSWORD, user), user)
    uow.begin()
    begun = begin_session(user.id, amr, visit, uow, issuing)
    uow.continuations.save(replace(flow, session_id=begun.session_id, done=frozenset({CREATE}), denied=False))
    record(uow, visit, "user.registered", user_id=user.id, client_id=flow.client_id)
    return begun
