"""POST /logout: a refresh token or an account token ends the session and every token family on it."""

from datetime import datetime

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in import session_ends
from authsvc.domain.sign_in.sessions import Session
from authsvc.protocol.audit import record
from authsvc.protocol.bearer import authenticate_caller
from authsvc.protocol.client_auth import authenticate_client, using_up
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.grant import Issuing
from authsvc.protocol.token import TokenRequest
from authsvc.protocol.tokens.refresh_token import find_family


def logout(request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> None:
    """End the session. A session that has ended already is no error: the wish is fulfilled.

    A refresh token must come from its own client, authenticated as at the token endpoint.
    Raises: MissingToken, InvalidToken, InsufficientScope, InvalidClient, InvalidGrant.
    """
    presented = request.parameters.get("refresh_token")
    session = (
        _by_account_token(request, uow, issuing)
        if presented is None
        else _by_refresh_token(presented, request, uow, issuing)
    )
    end_session(session, request, uow, request.now)


def end_session(session: Session, request: TokenRequest, uow: UnitOfWork, now: datetime) -> None:
    """Store the end of the session and its families."""
    uow.begin()
    if session_ends.end_session(session, uow, now):
        record(uow, request, "logout", user_id=session.user_id, client_id=session.client_id)


def _by_account_token(request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> Session:
    return authenticate_caller(request.authorization, request.tenant, uow, issuing.keyring, request.now).session


def _by_refresh_token(presented: str, request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> Session:
    authenticated = authenticate_client(request, uow, issuing)
    client = authenticated.client
    with using_up(authenticated, uow):
        _, state = find_family(presented, uow, issuing, request.now)
        if state.family.client_id != client.id:
            refusal = InvalidGrant("the refresh token is unknown", rule="refresh_token_of_another_client")
            raise refusal.about(client_id=client.id)
    return state.session
