"""GET and POST /ui/account/keys: a person's API keys: the list, a new one that is shown once, and an end."""

from collections.abc import Mapping
from uuid import UUID

from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.tokens.api_keys import WantedKey, new_api_key
from authsvc.protocol.api_keys import person_by_themselves
from authsvc.protocol.audit import record
from authsvc.web.dates import in_language
from authsvc.web.flow import values_of
from authsvc.web.page import Frame, render
from authsvc.web.pages.account.here import AccountPage, Desk, Here, back_to, language_here, own_language
from authsvc.web.pages.account.password_again import proof_for_grave, renewed
from authsvc.web.request import Call
from authsvc.web.responses import Response

LIFETIMES = (7, 30, 90, 365)
"""Days that the form offers."""
_SCOPE = "scope:"
"""Each box of the form has a name of its own: no field of ours comes twice."""


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    language, uow = language_here(call, here), call.uow
    keys = [
        {
            "id": str(key.id),
            "name": key.name,
            "hint": key.hint,
            "scopes": sorted(key.scopes),
            "expires": in_language(key.expires_at, language) if key.expires_at else "",
            "used": in_language(key.last_used_at, language) if key.last_used_at else "",
            "is_over": not key.is_alive(call.request.now),
        }
        for key in uow.api_keys.list(user_id=here.user.id)
    ]
    posted = values_of(call) if call.request.method == "POST" else {}
    owner = person_by_themselves(here.user, uow)
    offered = [
        {"name": resource.name, "scopes": sorted(resource.scopes & owner.scopes)}
        for resource in uow.resources.list()
        if resource.audience in owner.resources and resource.disabled_at is None and resource.scopes & owner.scopes
    ]
    return {"keys": keys, "offered": offered, "lifetimes": LIFETIMES, "given": posted, "scope_field": _SCOPE}


def _act(call: Call, here: Here, desk: Desk) -> Response:
    values = values_of(call)
    if "revoke" in values:
        _revoke(values["revoke"], call, here)
        return back_to(call, PAGE.name, "revoked")
    return _make(values, call, here, desk)


def _make(values: Mapping[str, str], call: Call, here: Here, desk: Desk) -> Response:
    """Make a key and show it, in this answer alone."""
    proof, uow, now = proof_for_grave(call, here, desk), call.uow, call.request.now
    days = values.get("days", "")
    if days not in {str(offered) for offered in LIFETIMES}:
        raise FieldsInvalid((FieldProblem("days", "is none of those that are offered"),))
    wanted = WantedKey(
        name=values.get("name", ""),
        scopes=frozenset(name.removeprefix(_SCOPE) for name in values if name.startswith(_SCOPE)),
        lifetime_seconds=int(days) * 86_400,
    )
    owner, registered = person_by_themselves(here.user, uow), uow.resources.list()
    uow.begin()
    key, secret = new_api_key(wanted, owner, registered, uow.api_keys.count_before_adding(owner, now), now)
    uow.api_keys.add(key)
    record(uow, call.request, "api_key.created", user_id=here.user.id, detail=f"API key {key.id}")
    headers = renewed(proof, call, here, desk)
    context = {"name": key.name, "secret": secret, "problems": {}}
    return render(call, "account/key_made", context, Frame(headers=headers, ui_locales=own_language(here)))


def _revoke(presented_id: str, call: Call, here: Here) -> None:
    """End the person's key; one that is not theirs is as unknown as one that never was."""
    try:
        key = call.uow.api_keys.get(UUID(presented_id))
    except ValueError:
        return
    call.uow.begin()
    if key is not None and key.user_id == here.user.id and call.uow.api_keys.revoke(key.id, call.request.now):
        record(call.uow, call.request, "api_key.revoked", user_id=here.user.id, detail=f"API key {key.id}")


PAGE = AccountPage("account/keys", "keys", _view, _act)
