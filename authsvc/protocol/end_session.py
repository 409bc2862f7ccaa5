"""Sign-out that a client asks for by sending the browser here, and the end of a browser's session.

Source: OpenID Connect RP-Initiated Logout 1.0, Front-Channel Logout 1.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.session_ends import end_session
from authsvc.domain.sign_in.sessions import Session
from authsvc.domain.tenants import Tenant
from authsvc.protocol.audit import Happening, record
from authsvc.protocol.errors import InvalidRequest
from authsvc.protocol.id_token_hint import Hint, read_hint
from authsvc.protocol.subjects import session_behind, session_for

PARAMETERS = ("id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales")


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """What is asked, judged: the client if one is named, where to go then, and the session that the hint is of.

    `redirect_uri` is registered for this client; `return_to` is the same with the state that goes along.
    """

    client: Client | None = None
    redirect_uri: str | None = None
    state: str | None = None
    hinted_session: UUID | None = None

    @property
    def return_to(self) -> str | None:
        """Where the browser goes in the end (§3)."""
        if self.redirect_uri is None or self.state is None:
            return self.redirect_uri
        return _with_query(self.redirect_uri, {"state": self.state})

    def is_of(self, session: Session) -> bool:
        """Whether the client was told of just this session: then it speaks for the person in front of the browser."""
        return self.hinted_session == session.id


def judge_logout(
    parameters: Mapping[str, str], tenant: Tenant, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> LogoutRequest:
    """Return the request if the browser may be sent where it says.

    `logout_hint` is not needed: the browser's own cookie says who is here. Raises: InvalidRequest. Source: §2, §3.
    """
    presented, named = parameters.get("id_token_hint"), parameters.get("client_id")
    hint = None if presented is None else read_hint(presented, tenant, uow, keyring, now)
    client = _client(hint, named, uow)
    redirect_uri = parameters.get("post_logout_redirect_uri")
    if redirect_uri is not None and (
        client is None or redirect_uri not in client.relying_party.post_logout_redirect_uris
    ):
        raise InvalidRequest(
            "post_logout_redirect_uri is not registered for the client", rule="post_logout_redirect_uri"
        )
    session_id = None
    if hint is not None and client is not None and hint.session_id is not None:
        session_id = session_behind(hint.session_id, client, keyring, uow, now)
    return LogoutRequest(client, redirect_uri, parameters.get("state"), session_id)


def sign_out(session: Session, request: Happening, uow: UnitOfWork, client_id: str | None = None) -> None:
    """End the browser's session; its clients are told. A second time changes nothing."""
    uow.begin()
    if end_session(session, uow, request.now):
        record(uow, request, "logout", user_id=session.user_id, client_id=client_id)


def frames_of(
    session: Session, tenant: Tenant, uow: UnitOfWork, keyring: Keyring, now: datetime
) -> tuple[str, ...]:  # fmt: skip
    """Return what to show in frames, so that each client ends what its cookies hold (Front-Channel Logout §2)."""
    addresses = []
    for client_id in uow.browser_sessions.participants(session.id):
        client = uow.clients.get(client_id)
        if client is None or client.disabled_at is not None or client.relying_party.frontchannel_logout_uri is None:
            continue
        party = client.relying_party
        of_session = {}
        if party.frontchannel_logout_session_required:
            told = session_for(session.id, client, keyring, uow, now)
            of_session = {"iss": tenant.issuer, "sid": str(told)}
        addresses.append(_with_query(str(party.frontchannel_logout_uri), of_session))
    return tuple(addresses)


def _client(hint: Hint | None, named: str | None, uow: UnitOfWork) -> Client | None:
    if hint is not None and named is not None and hint.client_id != named:
        raise InvalidRequest("id_token_hint is another client's", rule="id_token_hint")
    client_id = named if hint is None else hint.client_id
    if client_id is None:
        return None
    client = uow.clients.get(client_id)
    if client is None or client.disabled_at is not None:
        raise InvalidRequest("the client is unknown or disabled", rule="client_unknown")
    if hint is not None and not hint.is_of(client):
        raise InvalidRequest("id_token_hint is another client's", rule="id_token_hint")
    return client


def _with_query(uri: str, more: Mapping[str, str]) -> str:
    if not more:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(more)}"
