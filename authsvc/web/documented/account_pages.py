"""The part of the table of operations that people go through by themselves: sign-up, a forgotten password, account."""

from collections.abc import Mapping

from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.links import LinkInvalid
from authsvc.domain.lockout import Throttled
from authsvc.errors import Conflict
from authsvc.web.csrf import ForeignForm, FormOutdated
from authsvc.web.documented.operation import Operation
from authsvc.web.documented.pages import FLOW, FORM, ON, PAGE, TAG, form_of_page

_FIELDS: Mapping[str, str] = {
    "token": "The secret of the mailed link.",
    "new_password": "The new password.",
}

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
        "A person signs up: at once, or a letter is sent.",
        takes=form_of_page("username", "password", "flow"),
        refusals=(*FORM, FieldsInvalid, Conflict, Throttled),
    ),
    "GET /ui/register/confirm": Operation(
        TAG, {200: PAGE}, "Where the letter's link leads: it changes nothing.", refusals=(LinkInvalid,)
    ),
    "POST /ui/register/confirm": Operation(
        TAG,
        {303: ON},
        "A person confirms the address, and the account is made.",
        takes=form_of_page("token", fields=_FIELDS),
        refusals=(ForeignForm, FormOutdated, LinkInvalid, Conflict),
    ),
}
