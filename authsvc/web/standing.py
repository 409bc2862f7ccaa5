"""How far an errand has come, for the pages that are wanted at one step only."""

from authsvc.protocol.authorize.errands import Browser, Standing, where_it_stands
from authsvc.protocol.authorize.next_step import Step
from authsvc.protocol.authorize.request import Judging
from authsvc.protocol.errors import ProtocolError
from authsvc.protocol.grant import Issuing
from authsvc.web.flow import Flow
from authsvc.web.request import Call


def standing_at(step: Step, call: Call, flow: Flow, issuing: Issuing) -> Standing | None:
    """Return where the errand stands if that is `step`, and somebody is signed in; else None: the page is not wanted.

    So a page that is opened or posted out of turn shows nothing and changes nothing: /ui/continue says what is next,
    and tells the client what went wrong.
    """
    if flow.continuation.client_id is None:
        return None
    browser = Browser(flow.cookies.session_hash, flow.cookies.browser_hash)
    try:
        found = where_it_stands(
            flow.continuation, browser, call.tenant, Judging(call.uow, issuing, call.request.now)
        )  # fmt: skip
    except ProtocolError:
        return None
    return found if found.step is step and found.present is not None else None
