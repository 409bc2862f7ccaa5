"""GET and POST /ui/account/apps: what a person has allowed which app, and how to withdraw it."""

from collections.abc import Mapping

from authsvc.protocol.audit import record
from authsvc.web.client_words import name_of
from authsvc.web.dates import in_language
from authsvc.web.flow import values_of
from authsvc.web.pages.account.here import AccountPage, Desk, Here, back_to, language_here
from authsvc.web.request import Call
from authsvc.web.responses import Response
from authsvc.web.scope_words import SCOPE_WORDS


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    language, uow = language_here(call, here), call.uow
    resources = {resource.audience: resource.name for resource in uow.resources.list()}
    apps = [
        {
            "id": consent.client_id,
            "name": name_of(uow.clients.get(consent.client_id), language) or consent.client_id,
            "since": in_language(consent.given_at, language),
            "words": [words for scope, words in SCOPE_WORDS.items() if scope in consent.scopes],
            "scopes": sorted(consent.scopes - SCOPE_WORDS.keys()),
            "resources": [resources.get(audience, audience) for audience in sorted(consent.resources)],
        }
        for consent in uow.consents.list(here.user.id)
    ]
    return {"apps": apps}


def _act(call: Call, here: Here, desk: Desk) -> Response:  # noqa: ARG001 - an action's shape
    client_id = values_of(call).get("withdraw", "")
    call.uow.begin()
    if client_id and call.uow.consents.withdraw(here.user.id, client_id, call.request.now):
        record(call.uow, call.request, "consent.withdrawn", user_id=here.user.id, client_id=client_id)
    return back_to(call, PAGE.name, "withdrawn")


PAGE = AccountPage("account/apps", "apps", _view, _act)
