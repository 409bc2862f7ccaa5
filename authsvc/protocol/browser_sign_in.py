"""A person signs in at the login page: the proof is that of POST /login, what it gives is the browser's own session."""

from dataclasses import replace

from authsvc.domain.people import login
from authsvc.domain.people.login import PasswordAttempt
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.continuations import Continuation
from authsvc.protocol.audit import record
from authsvc.protocol.browser_session import Begun, Visit, begin_session
from authsvc.protocol.grant import Issuing
from authsvc.protocol.sign_in import prove_password

LOGIN, SELECT_ACCOUNT, CONSENT, CREATE = "login", "select_account", "consent", "create"
"""What a person does in an errand, by the values of `prompt` (OpenID Connect Core §3.1.2.1, Prompt Create)."""


def sign_in_browser(
    attempt: PasswordAttempt, flow: Continuation, visit: Visit, uow: UnitOfWork, issuing: Issuing
) -> Begun:
    """Sign the person in whose password this is, for the errand, and return the new cookie's secret.

    Raises: Throttled, BadCredentials, AccountDisabled, OutOfTurn; Conflict if the errand went on meanwhile.
    """
    proved, amr = prove_password(attempt, visit.permit, visit.now, uow, issuing)
    uow.begin()
    login.record_success(proved, uow.users, uow.attempts)
    begun = begin_session(proved.user.id, amr, visit, uow, issuing)
    # What was agreed to before was agreed to by somebody else, or in another sign-in.
    uow.continuations.save(replace(flow, session_id=begun.session_id, done=frozenset({LOGIN}), denied=False))
    record(uow, visit, "login.succeeded", user_id=proved.user.id, client_id=flow.client_id)
    issuing.metrics.login("succeeded")
    return begun
