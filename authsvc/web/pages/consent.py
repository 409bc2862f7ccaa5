"""GET and POST /ui/consent: what a client may see and do in a person's name, and where it leads."""

from dataclasses import dataclass

from authsvc.domain.parties.resources import IDENTITY_SCOPES, Resource
from authsvc.errors import AuthsvcError
from authsvc.protocol.authorize.agreement import Wish, allow, deny, new_in, whole_wish
from authsvc.protocol.authorize.errands import Standing
from authsvc.protocol.authorize.next_step import Step
from authsvc.protocol.grant import Issuing
from authsvc.web.client_words import links_of, name_of, place_of
from authsvc.web.csrf import FormOutdated, check_csrf, csrf_token
from authsvc.web.flow import Flow, flow_of, frame_of, go_on, language_of, values_of, visit_of
from authsvc.web.page import render
from authsvc.web.person_words import shown_person
from authsvc.web.request import Call
from authsvc.web.responses import Response
from authsvc.web.scope_words import SCOPE_WORDS
from authsvc.web.standing import standing_at

NAME = "consent"
ALLOW, DENY = "allow", "deny"


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """The page."""

    issuing: Issuing

    def get(self, call: Call) -> Response:
        """Ask, if there is something to ask."""
        flow = flow_of(call)
        standing = standing_at(Step.CONSENT, call, flow, self.issuing)
        return go_on(call, flow) if standing is None else _page(call, flow, standing)

    def post(self, call: Call) -> Response:
        """Store the answer to what was shown; anything but a clear yes or no changes nothing. Raises: FormOutdated."""
        flow = flow_of(call)
        standing = standing_at(Step.CONSENT, call, flow, self.issuing)
        if standing is None or standing.present is None:
            return go_on(call, flow)
        check_csrf(call, _form(standing), flow.handle)
        decision, visit = values_of(call).get("decision"), visit_of(call, flow.cookies)
        if decision == ALLOW:
            allow(flow.continuation, standing.request, standing.present.visitor, visit, call.uow)
        elif decision == DENY:
            deny(flow.continuation, standing.present.visitor, visit, call.uow)
        return go_on(call, flow)

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Ask anew where the question has changed, or who is asked; None for what the error page says."""
        return go_on(call, flow_of(call)) if isinstance(error, FormOutdated) else None


def _page(call: Call, flow: Flow, standing: Standing) -> Response:
    assert standing.present is not None  # noqa: S101 - standing_at has seen to it
    request, visitor = standing.request, standing.present.visitor
    language = language_of(call, flow)
    wish = new_in(whole_wish(request), standing.present.consent)
    kind, place = place_of(request.redirect_uri or "")
    context = {
        "client_name": name_of(request.client, language),
        "person": shown_person(visitor),
        "is_more": wish != whole_wish(request),
        "told": [words for scope, words in SCOPE_WORDS.items() if scope in wish.scopes],
        "resources": _by_resource(wish, call.uow.resources.list()),
        "claims": sorted(wish.claims),
        "kind": kind,
        "place": place,
        "uris": links_of(request.client, language),
        "flow": flow.handle,
        "csrf": csrf_token(call, flow.cookies, _form(standing), flow.handle),
    }
    return render(call, NAME, context, frame_of(flow, request.client))


def _form(standing: Standing) -> str:
    assert standing.present is not None  # noqa: S101 - standing_at has seen to it
    return f"{NAME} {whole_wish(standing.request).digest(standing.present.visitor)}"


def _by_resource(wish: Wish, registered: tuple[Resource, ...]) -> list[tuple[str, list[str]]]:
    """Return the names of the resources, each with the scopes that are new there."""
    own = wish.scopes - IDENTITY_SCOPES
    found = [
        (resource.name, sorted(resource.scopes & own))
        for resource in registered
        if resource.audience in wish.resources or resource.scopes & own
    ]
    return sorted(found)
