"""The authorization endpoint's part of the table of operations."""

from collections.abc import Mapping

from authsvc.web.documented.bodies import authorize_body
from authsvc.web.documented.operation import Answer, Operation
from authsvc.web.documented.pages import FLOW, HTML, TAG

_TO_CLIENT = {
    200: Answer("The answer, in a form that posts itself to the client.", "text/html", HTML),
    303: Answer("To a page of ours, or with the answer to the client.", headers={"Location": "Where to go."}),
}
FRONT_CHANNEL: Mapping[str, Operation] = {
    "GET /authorize": Operation(
        TAG, _TO_CLIENT, "Send a browser here for a code: its person signs in and agrees where that is wanting."
    ),
    "POST /authorize": Operation(
        TAG,
        {303: Answer("The request is kept; the browser comes back for its answer.")},
        "The same, for requests that are long.",
        takes=authorize_body(),
    ),
    "GET /ui/continue": Operation(TAG, _TO_CLIENT, "Where every page of a sign-in leads back to.", refusals=FLOW),
}
