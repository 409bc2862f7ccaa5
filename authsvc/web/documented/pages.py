"""The pages' part of the table of operations: what a browser may get and send."""

from collections.abc import Mapping
from dataclasses import replace

from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.sign_in.flows import FlowOver, ForeignBrowser
from authsvc.web.csrf import ForeignForm, FormOutdated
from authsvc.web.documented.operation import Answer, Operation, Refusal, Schema
from authsvc.web.errors import Form

TAG = "Pages"
HTML = {"type": "string"}
PAGE = Answer("The page.", "text/html", HTML)
ON = Answer("On to the next page, or back to the app.", headers={"Location": "Where."})
FLOW: tuple[Refusal, ...] = (FlowOver, ForeignBrowser)
FORM: tuple[Refusal, ...] = (*FLOW, ForeignForm, FormOutdated)
_WRONG: Refusal = Form(403, "invalid_credentials", "Wrong name or password, or a disabled account.")
_FIELDS: Mapping[str, str] = {
    "csrf": "What the page's form carries, so that no other site can send it.",
    "flow": "What the person came for.",
    "username": "The user name, or a verified address.",
    "password": "The password.",
    "decision": "allow or deny.",
}


def form_of_page(*names: str, fields: Mapping[str, str] = _FIELDS) -> Schema:
    """Return what a page's form sends: its own fields and those that every form has."""
    wanted = (*names, "csrf")
    properties = {name: {"type": "string", "description": fields.get(name) or _FIELDS[name]} for name in wanted}
    return {"type": "object", "properties": properties, "required": list(wanted)}


_LOGOUT_FIELDS: Mapping[str, str] = {
    "id_token_hint": "An ID token that the client was given in this sign-in, expired or not.",
    "client_id": "The client, where there is no ID token.",
    "post_logout_redirect_uri": "Where to go then: registered for the client, compared as a whole.",
    "state": "Goes along.",
    "ui_locales": "Languages, best first.",
    "logout_hint": "Not needed here.",
}
_ASKED_LOGOUT: Schema = {
    "type": "object",
    "properties": {name: {"type": "string", "description": text} for name, text in _LOGOUT_FIELDS.items()},
}
_CONNECT_LOGOUT = Operation(
    TAG,
    {200: PAGE, 303: ON},
    "Where a client sends the browser to sign out (OpenID Connect RP-Initiated Logout 1.0). The person is asked first "
    "unless id_token_hint is of this browser's own sign-in.",
)

PAGES: Mapping[str, Operation] = {
    "GET /ui/login": Operation(TAG, {200: PAGE, 303: ON}, "Where a person signs in.", refusals=FLOW),
    "POST /ui/login": Operation(
        TAG,
        {303: ON},
        "A person signs in.",
        takes=form_of_page("username", "password", "flow"),
        refusals=(*FORM, FieldsInvalid, Throttled, _WRONG),
    ),
    "GET /ui/consent": Operation(
        TAG, {200: PAGE, 303: ON}, "Where a person allows a client what it asks for.", refusals=FLOW
    ),
    "POST /ui/consent": Operation(
        TAG, {303: ON}, "A person allows it or not.", takes=form_of_page("decision", "flow"), refusals=FORM
    ),
    "GET /ui/select-account": Operation(
        TAG, {200: PAGE, 303: ON}, "Where a person chooses between accounts.", refusals=FLOW
    ),
    "POST /ui/select-account": Operation(
        TAG,
        {303: ON},
        "A person goes on with the account that is signed in.",
        takes=form_of_page("flow"),
        refusals=FORM,
    ),
    "GET /connect/logout": _CONNECT_LOGOUT,
    "POST /connect/logout": replace(_CONNECT_LOGOUT, takes=_ASKED_LOGOUT),
    "GET /ui/logout": Operation(TAG, {200: PAGE}, "Where a person signs out."),
    "POST /ui/logout": Operation(
        TAG,
        {200: PAGE, 303: ON},
        "A person signs out; every app that was told of the sign-in is told of its end.",
        takes=form_of_page(),
        refusals=(ForeignForm, FormOutdated),
    ),
    "GET /ui/logo": Operation(
        TAG, {200: Answer("The picture.", "image/*", HTML), 204: Answer("There is none.")}, "The issuer's logo."
    ),
    "GET /dev/outbox": Operation(
        TAG, {200: PAGE}, "The letters that the development server keeps instead of sending them."
    ),
}
