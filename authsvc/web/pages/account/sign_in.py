"""GET and POST /ui/account/sign-in: the name and the address with which a person signs in."""

from collections.abc import Mapping

from authsvc.domain.people import profile
from authsvc.protocol.audit import record
from authsvc.web.api.account import occasion
from authsvc.web.flow import values_of
from authsvc.web.pages.account.here import AccountPage, Desk, Here, back_to
from authsvc.web.pages.account.password_again import proof_for_grave, renewed
from authsvc.web.request import Call
from authsvc.web.responses import Response


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:
    posted = values_of(call) if call.request.method == "POST" else {}
    return {
        "username": posted.get("username", here.user.username),
        "email": posted.get("email", here.user.email or ""),
        "verified": here.user.email_verified,
        "stored_email": here.user.email or "",
        "sends_mail": desk.api.accounts.sends_mail,
    }


def _act(call: Call, here: Here, desk: Desk) -> Response:
    """Change what differs. An address that is not verified yet gets another letter."""
    values, user = values_of(call), here.user
    changes: dict[str, str | None] = {}
    username, email = values.get("username", "").strip(), values.get("email", "").strip() or None
    if username != user.username:
        changes["username"] = username
    if email != user.email or (email is not None and not user.email_verified):
        changes["email"] = email
    if not changes:
        return back_to(call, PAGE.name, "saved")
    proof = proof_for_grave(call, here, desk)
    changed = profile.change_profile(user, changes, occasion(call), call.uow, desk.api.accounts)
    record(call.uow, call.request, "user.changed", user_id=user.id)
    return back_to(call, PAGE.name, "letter" if changed.pending_email else "saved", renewed(proof, call, here, desk))


PAGE = AccountPage("account/sign-in", "sign_in", _view, _act)
