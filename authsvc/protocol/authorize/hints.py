"""Whom the client believes to be here: an ID token of ours, which may have expired."""

from dataclasses import replace

from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidRequest
from authsvc.protocol.id_token_hint import read_hint


def check_id_token_hint(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Read who it must be from an ID token that this server gave this client. Raises: InvalidRequest.

    Source: OpenID Connect Core §3.1.2.1.
    """
    presented = request.parameters.get("id_token_hint")
    if presented is None:
        return request
    hint = read_hint(presented, request.tenant, judging.uow, judging.issuing.keyring, judging.now)
    if not hint.is_of(request.client):
        raise InvalidRequest("id_token_hint is another client's", rule="id_token_hint")
    return replace(request, subjects=(*request.subjects, frozenset({hint.subject})))
