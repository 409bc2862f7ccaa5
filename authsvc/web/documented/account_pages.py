"""The part of the table of operations that people go through by themselves: sign-up, a forgotten password, account."""

from collections.abc import Mapping

from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.mail.links import LinkInvalid
from authsvc.domain.people.lockout import Throttled
from authsvc.errors import Conflict
from authsvc.web.csrf import ForeignForm, FormOutdated
from authsvc.web.documented.operation import Answer, Operation, Refusal
from authsvc.web.documented.pages import FLOW, FORM, ON, PAGE, TAG, form_of_page
from authsvc.web.errors import Form

_FIELDS: Mapping[str, str] = {
    "token": "The secret of the mailed link.",
    "new_password": "The new password.",
    "current_password": "The current password.",
    "sure": "yes.",
}
_WRONG: Refusal = Form(403, "invalid_credentials", "Wrong password.")
_CHANGE: tuple[Refusal, ...] = (ForeignForm, FormOutdated, FieldsInvalid, LinkInvalid, Throttled, Conflict, _WRONG)

ACCOUNT_PAGES: Mapping[str, Operation] = {
    "GET /ui/forgot": Operation(TAG, {200: PAGE}, "Where a person asks for a letter to choose a new password."),
    "POST /ui/forgot": Operation(
        TAG,
        {303: ON},
        "A person asks for a letter. The answer is the same for everybody.",
        takes=form_of_page("username"),
        refusals=(ForeignForm, FormOutdated, FieldsInvalid, Throttled),
    ),
    "GET /ui/reset": Operation(
        TAG, {200: PAGE}, "Where the letter's link leads: it changes nothing.", refusals=(LinkInvalid,)
    ),
    "POST /ui/reset": Operation(
        TAG,
        {303: ON},
        "A person chooses a new password, by the secret of a mailed link.",
        takes=form_of_page("token", "new_password", fields=_FIELDS),
        refusals=(ForeignForm, FormOutdated, FieldsInvalid, LinkInvalid, Conflict),
    ),
    "GET /ui/register": Operation(TAG, {200: PAGE, 303: ON}, "Where a person signs up.", refusals=FLOW),
    "POST /ui/register": Operation(
        TAG,
        {303: ON},
        "A person signs up: at once with a password, or a letter is sent, behind whose link it is chosen.",
        takes=form_of_page("username", "flow"),
        refusals=(*FORM, FieldsInvalid, Conflict, Throttled),
    ),
    "GET /ui/register/confirm": Operation(
        TAG, {200: PAGE}, "Where the letter's link leads: it changes nothing.", refusals=(LinkInvalid,)
    ),
    "POST /ui/register/confirm": Operation(
        TAG,
        {303: ON},
        "A person confirms the address and chooses a password, and the account is made.",
        takes=form_of_page("token", "password", fields=_FIELDS),
        refusals=(ForeignForm, FormOutdated, FieldsInvalid, LinkInvalid, Conflict),
    ),
    "GET /ui/account": Operation(TAG, {200: PAGE, 303: ON}, "A person's account."),
    "GET /ui/account/profile": Operation(TAG, {200: PAGE, 303: ON}, "Where a person sees and changes the profile."),
    "POST /ui/account/profile": Operation(
        TAG,
        {303: ON},
        "A person changes the profile.",
        takes=form_of_page(fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/account/sign-in": Operation(TAG, {200: PAGE, 303: ON}, "Where a person sees user name and address."),
    "POST /ui/account/sign-in": Operation(
        TAG,
        {303: ON},
        "A person changes user name or address; the address by a letter.",
        takes=form_of_page("username", fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/account/password": Operation(TAG, {200: PAGE, 303: ON}, "Where a person changes the password."),
    "POST /ui/account/password": Operation(
        TAG,
        {303: ON},
        "A person changes the password; every other sign-in ends.",
        takes=form_of_page("current_password", "new_password", fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/account/sessions": Operation(TAG, {200: PAGE, 303: ON}, "Where a person is signed in."),
    "POST /ui/account/sessions": Operation(
        TAG,
        {303: ON},
        "A person signs out one of them, or all others.",
        takes=form_of_page(fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/account/apps": Operation(TAG, {200: PAGE, 303: ON}, "What a person has allowed which app."),
    "POST /ui/account/apps": Operation(
        TAG,
        {303: ON},
        "A person withdraws it.",
        takes=form_of_page(fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/account/keys": Operation(TAG, {200: PAGE, 303: ON}, "The API keys of a person."),
    "POST /ui/account/keys": Operation(
        TAG,
        {200: PAGE, 303: ON},
        "A person makes a key, which is shown once, or revokes one.",
        takes=form_of_page(fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/account/data": Operation(TAG, {200: PAGE, 303: ON}, "Where a person gets their data."),
    "POST /ui/account/data": Operation(
        TAG,
        {200: Answer("The file.", "application/json", {"type": "object"}), 303: ON},
        "A person gets their data.",
        takes=form_of_page(fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/account/delete": Operation(TAG, {200: PAGE, 303: ON}, "Where a person deletes the account."),
    "POST /ui/account/delete": Operation(
        TAG,
        {200: PAGE, 303: ON},
        "A person deletes the account.",
        takes=form_of_page("current_password", "sure", fields=_FIELDS),
        refusals=_CHANGE,
    ),
    "GET /ui/me/email/confirm": Operation(
        TAG, {200: PAGE, 303: ON}, "Where the letter's link leads: it changes nothing."
    ),
    "POST /ui/me/email/confirm": Operation(
        TAG,
        {303: ON},
        "A person confirms an address of the account.",
        takes=form_of_page("token", fields=_FIELDS),
        refusals=_CHANGE,
    ),
}
