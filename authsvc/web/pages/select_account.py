"""GET and POST /ui/select-account: go on with the account that is signed in here, or with another."""

from dataclasses import dataclass

from authsvc.errors import AuthsvcError
from authsvc.protocol.authorize.agreement import select
from authsvc.protocol.authorize.next_step import Step
from authsvc.protocol.grant import Issuing
from authsvc.web.client_words import name_of
from authsvc.web.csrf import FormOutdated, check_csrf
from authsvc.web.flow import flow_of, frame_of, go_on, language_of, proof_of
from authsvc.web.page import render
from authsvc.web.person_words import shown_person
from authsvc.web.request import Call
from authsvc.web.responses import Response
from authsvc.web.standing import standing_at

NAME = "select-account"


@dataclass(frozen=True, slots=True)
class SelectAccountPage:
    """The page; another account is chosen by signing in with it."""

    issuing: Issuing

    def get(self, call: Call) -> Response:
        """Show who is signed in."""
        flow = flow_of(call)
        standing = standing_at(Step.SELECT_ACCOUNT, call, flow, self.issuing)
        if standing is None or standing.present is None:
            return go_on(call, flow)
        client = standing.request.client
        context = {
            "client_name": name_of(client, language_of(call, flow)),
            "person": shown_person(standing.present.visitor),
            **proof_of(call, flow, NAME),
        }
        return render(call, "select_account", context, frame_of(flow, client))

    def post(self, call: Call) -> Response:
        """Store the choice. Raises: FormOutdated, ForeignForm."""
        flow = flow_of(call)
        check_csrf(call, NAME, flow.handle)
        standing = standing_at(Step.SELECT_ACCOUNT, call, flow, self.issuing)
        if standing is not None and standing.present is not None:
            select(flow.continuation, standing.present.visitor, call.uow)
        return go_on(call, flow)

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Ask anew where somebody else signed in meanwhile; None for what the error page says."""
        return go_on(call, flow_of(call)) if isinstance(error, FormOutdated) else None
