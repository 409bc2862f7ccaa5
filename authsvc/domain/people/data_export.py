"""Everything that is stored of one person, for them to keep: no secret, and no hash of one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from authsvc.domain.people.users import User
from authsvc.domain.ports import UnitOfWork


def exported(user: User, uow: UnitOfWork, now: datetime) -> Mapping[str, Any]:
    """Return the person's data as plain JSON values."""
    return {
        "exported_at": _instant(now),
        "account": {
            "id": str(user.id),
            "username": user.username,
            "name": user.name,
            "email": user.email,
            "email_verified": user.email_verified,
            "details": dict(user.details),
            "created_at": _instant(user.created_at),
            "updated_at": _instant(user.updated_at),
        },
        "sign_ins": [
            {
                "id": str(browser.session.id),
                "authenticated_at": _instant(browser.session.authenticated_at),
                "seen_at": _instant(browser.seen_at),
                "address": browser.address,
                "user_agent": browser.user_agent,
            }
            for browser in uow.browser_sessions.list(user.id)
        ],
        "apps": [
            {
                "client_id": consent.client_id,
                "scopes": sorted(consent.scopes),
                "resources": sorted(consent.resources),
                "claims": sorted(consent.claims),
                "given_at": _instant(consent.given_at),
                "changed_at": _instant(consent.changed_at),
            }
            for consent in uow.consents.list(user.id)
        ],
        "api_keys": [
            {
                "id": str(key.id),
                "name": key.name,
                "scopes": sorted(key.scopes),
                "resources": sorted(key.resources),
                "created_at": _instant(key.created_at),
                "expires_at": _instant(key.expires_at),
                "last_used_at": _instant(key.last_used_at),
            }
            for key in uow.api_keys.list(user_id=user.id)
        ],
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
