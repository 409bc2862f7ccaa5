"""The one way in which sessions end: with their families, and with a word to each client that was told of them.

Who ends a session by the store alone leaves clients in the belief that the person is still here.
"""

from datetime import datetime
from uuid import UUID

from authsvc.domain.audit import event_id
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.domain.sign_in.sessions import Session


def end_session(session: Session, uow: UnitOfWork, now: datetime) -> bool:
    """End the session; False if it had ended already. Within the transaction."""
    if not uow.sessions.end(session.id, now):
        return False
    _leave_word(session.id, session.user_id, uow, now)
    return True


def end_sessions(user_id: UUID, uow: UnitOfWork, now: datetime, *, but: UUID | None = None) -> int:
    """End all sessions of the person, but one; return how many. Within the transaction."""
    browsers = uow.browser_sessions.list(user_id)
    ended = uow.sessions.end_all(user_id, now, but=but)
    for browser in browsers:
        if browser.session.id != but:
            _leave_word(browser.session.id, user_id, uow, now)
    return ended


def disable_user(user_id: UUID, uow: UnitOfWork, now: datetime) -> int:
    """Let the person in no more, end their sessions and revoke their API keys; return how many sessions ended.

    No later enabling revives any of it: whoever held a key or a session may be why. Within the transaction.
    """
    # Before the keys: who makes one waits for this row, and finds the person disabled.
    uow.users.disable(user_id, now)
    ended = end_sessions(user_id, uow, now)
    uow.api_keys.revoke_all(user_id, now)
    return ended


def _leave_word(session_id: UUID, user_id: UUID, uow: UnitOfWork, now: datetime) -> None:
    """Store whom a job is to tell (OpenID Connect Back-Channel Logout 1.0)."""
    for client_id in uow.browser_sessions.participants(session_id):
        client = uow.clients.get(client_id)
        if client is not None and client.relying_party.backchannel_logout_uri is not None:
            uow.logout_deliveries.add(LogoutDelivery(event_id(now), client_id, session_id, user_id, now, now))
