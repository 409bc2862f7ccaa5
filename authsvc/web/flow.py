"""The errand that a page of sign-in is about, and the browser that it belongs to."""

from dataclasses import dataclass

from authsvc.crypto import opaque
from authsvc.domain.parties.clients import Client
from authsvc.domain.sign_in.continuations import Continuation
from authsvc.domain.sign_in.flows import open_flow
from authsvc.domain.sign_in.sessions import Visitor
from authsvc.protocol.browser_session import Visit
from authsvc.web.cookies import Cookies, presented_cookies
from authsvc.web.csrf import csrf_token
from authsvc.web.forms import Fields, parse_form, single_values
from authsvc.web.languages import choose_language
from authsvc.web.page import Frame, accept_language, page_address, see_other
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response

FIELD = "flow"
CONTINUE = "continue"
NOTHING_REPEATS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Flow:
    """An errand of this browser: its handle, what is stored of it, the cookies that proved it."""

    handle: str
    continuation: Continuation
    cookies: Cookies

    def parameter(self, name: str) -> str:
        """Return a parameter of the authorization request, "" if it is absent or came twice."""
        values = self.continuation.parameters.get(name, ())
        return values[0] if len(values) == 1 else ""


def flow_of(call: Call) -> Flow:
    """Return the errand that the request names, in its query or its form. Raises: FlowOver, ForeignBrowser."""
    handle, cookies = values_of(call).get(FIELD), presented_cookies(call)
    continuation = open_flow(handle, cookies.browser_hash, call.uow.continuations, call.request.now)
    return Flow(handle or "", continuation, cookies)


def values_of(call: Call) -> dict[str, str]:
    """Return what was posted, or stands in the query. Raises: InvalidRequest for a name that comes twice."""
    fields: Fields = call.request.fields if call.request.method == "POST" else parse_form(call.request.query)
    return single_values(fields, NOTHING_REPEATS)


def visitor_of(call: Call, cookies: Cookies) -> Visitor | None:
    """Return who the cookie says was here, also when that is over."""
    return call.uow.browser_sessions.find(opaque.hash_secret(cookies.session)) if cookies.session else None


def visit_of(call: Call, cookies: Cookies) -> Visit:
    """Return the request in the protocol's terms."""
    request = call.request
    agent = b" ".join(value for name, value in request.headers if name == b"user-agent").decode("latin-1")
    return Visit(
        address=request.address,
        user_agent="".join(character for character in agent if character.isprintable()),
        request_id=request.request_id,
        now=request.now,
        permit=request.permit,
        visitor=visitor_of(call, cookies),
    )


def proof_of(call: Call, flow: Flow, form: str) -> dict[str, str]:
    """Return what every form of the errand carries, for the template."""
    return {"flow": flow.handle, "csrf": csrf_token(call, flow.cookies, form, flow.handle)}


def frame_of(flow: Flow, client: Client | None, status: int = 200, headers: Headers = ()) -> Frame:
    """Return the frame of a page of this errand, which may end at any of the client's redirect URIs."""
    leads_to = client.relying_party.redirect_uris if client is not None else ()
    return Frame(status, headers, flow.parameter("ui_locales"), leads_to)


def language_of(call: Call, flow: Flow) -> str:
    """Return the language of the errand's pages."""
    return choose_language(flow.parameter("ui_locales"), accept_language(call.request.headers)).code


def client_of(call: Call, flow: Flow) -> Client | None:
    """Return the client that asks; None where a person came by themselves."""
    client_id = flow.continuation.client_id
    return call.uow.clients.get(client_id) if client_id is not None else None


def go_on(call: Call, flow: Flow, headers: Headers = ()) -> Response:
    """Send the browser to the one place that decides what comes next."""
    return see_other(page_address(call.tenant, CONTINUE, flow.handle), headers)
