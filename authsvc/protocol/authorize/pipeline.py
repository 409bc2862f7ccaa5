"""The checks of an authorization request, in their order.

Each takes the request and gives it back, narrowed. A refusal before `check_redirect_uri` has passed is told on a page,
for nobody knows where the browser may be sent; after it, to the client.
"""

from collections.abc import Callable

from authsvc.domain.tenants import Tenant
from authsvc.protocol.authorize.claims import check_claims_parameter
from authsvc.protocol.authorize.client import check_grant_type, find_client
from authsvc.protocol.authorize.hints import check_id_token_hint
from authsvc.protocol.authorize.parameters import check_lengths, check_single, check_supported
from authsvc.protocol.authorize.pkce import check_code_challenge
from authsvc.protocol.authorize.prompt import check_max_age, check_prompt
from authsvc.protocol.authorize.redirect_uri import check_redirect_uri
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging, Parameters
from authsvc.protocol.authorize.request_object import check_request_object
from authsvc.protocol.authorize.response import check_response_mode, check_response_type
from authsvc.protocol.authorize.scope import check_scope
from authsvc.protocol.errors import ProtocolError

Step = Callable[[AuthorizationRequest, Judging], AuthorizationRequest]

STEPS: tuple[Step, ...] = (
    check_redirect_uri,
    check_single,
    check_supported,
    check_request_object,
    # Again: a request object may name it, and then has to be believed first.
    check_redirect_uri,
    check_lengths,
    check_response_mode,
    check_response_type,
    check_grant_type,
    check_code_challenge,
    check_prompt,
    check_max_age,
    check_scope,
    check_id_token_hint,
    check_claims_parameter,
)
"""After the client was found. The order is security: nothing is sent anywhere before the first has passed."""


def judge(given: Parameters, tenant: Tenant, judging: Judging) -> AuthorizationRequest:
    """Return the request as it counts.

    Raises: ProtocolError, whose `way_back` says where the refusal goes, None for a page; FetchBusy.
    """
    request = AuthorizationRequest(
        tenant=tenant,
        client=find_client(given, judging),
        given=given,
        parameters={name: values[0] for name, values in given.items() if len(values) == 1},
        resources=given.get("resource", ()),
    )
    for step in STEPS:
        try:
            request = step(request, judging)
        except ProtocolError as error:
            error.about(client_id=request.client.id)
            error.way_back = request.way_back
            raise
    return request
