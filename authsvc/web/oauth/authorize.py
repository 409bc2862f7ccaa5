"""GET and POST /authorize, and GET /ui/continue, to which every page of the flow sends the browser back."""

from authsvc.protocol.authorize.answer import Answer
from authsvc.protocol.authorize.errands import Browser, Outcome, keep, resume, start
from authsvc.protocol.authorize.next_step import Step
from authsvc.protocol.authorize.request import Judging
from authsvc.protocol.grant import Issuing
from authsvc.web.cookies import Cookies, with_browser
from authsvc.web.endpoint import Handler
from authsvc.web.forms import parse_form
from authsvc.web.front_channel import to_client
from authsvc.web.page import page_address, reader_of, see_other
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response

CONTINUE = "continue"
_NAMES = {str(Step.SELECT_ACCOUNT): "select-account", str(Step.CREATE): "register"}
"""Where a page has another name than its step."""


def authorize_handlers(issuing: Issuing) -> dict[str, Handler]:
    """Return the handlers of /authorize by method (RFC 6749 §3.1, OpenID Connect Core §3.1.2.1).

    What is posted is kept, and the browser comes back by GET: then it brings its cookies, which it does not send with
    the form of another site.
    """

    def get(call: Call) -> Response:
        cookies, news = with_browser(call)
        outcome = start(parse_form(call.request.query), _browser(cookies), call.tenant, _judging(call, issuing))
        return _answered(call, outcome, news)

    def post(call: Call) -> Response:
        handle = keep(call.request.fields, call.tenant, _judging(call, issuing))
        return see_other(page_address(call.tenant, CONTINUE, handle))

    return {"GET": get, "POST": post}


def continue_handler(issuing: Issuing) -> Handler:
    """Return the handler of GET /ui/continue."""

    def handle(call: Call) -> Response:
        flow = parse_form(call.request.query).get("flow", ())
        cookies, news = with_browser(call)
        outcome = resume(flow[0] if len(flow) == 1 else None, _browser(cookies), call.tenant, _judging(call, issuing))
        return _answered(call, outcome, news)

    return handle


def _answered(call: Call, outcome: Outcome, news: Headers) -> Response:
    if isinstance(outcome, Answer):
        return to_client(outcome.members, outcome.way_back, reader_of(call))
    # The errand is bound to the browser's cookie: one that is new must arrive with it.
    name = _NAMES.get(outcome.name, outcome.name)
    return see_other(page_address(call.tenant, name, outcome.handle or ""), news)


def _judging(call: Call, issuing: Issuing) -> Judging:
    return Judging(call.uow, issuing, call.request.now)


def _browser(cookies: Cookies) -> Browser:
    return Browser(cookies.session_hash, cookies.browser_hash)
