"""The password once more, in the form of something grave, from who has not signed in just now."""

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.protocol.prove_again import ProvedAgain, prove_again, renew_sign_in
from authsvc.web.cookies import Cookies, set_cookies
from authsvc.web.field_words import MISSING
from authsvc.web.flow import values_of, visit_of
from authsvc.web.pages.account.here import Desk, Here
from authsvc.web.request import Call
from authsvc.web.responses import Headers


def proof_for_grave(call: Call, here: Here, desk: Desk, *, always: bool = False) -> ProvedAgain | None:
    """Return the proof, None where the sign-in itself is recent; before anything is written.

    Raises: FieldsInvalid if no password was given; as prove_again.
    """
    if desk.is_recent(here, call) and not always:
        return None
    password = values_of(call).get("current_password")
    if not password:
        raise FieldsInvalid((FieldProblem("current_password", "is required", MISSING),))
    return prove_again(here.user, password, visit_of(call, here.cookies), call.uow, desk.issuing)


def renewed(proof: ProvedAgain | None, call: Call, here: Here, desk: Desk) -> Headers:
    """Store the proof with what it was given for, and return the headers that set the new cookie."""
    if proof is None:
        return ()
    begun = renew_sign_in(proof, visit_of(call, here.cookies), call.uow, desk.issuing)
    return set_cookies(call.tenant, Cookies(begun.secret))
