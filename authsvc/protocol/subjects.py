"""Whom a client is told of (`sub`) and of which session (`sid`): all clients alike, or each as it alone knows them.

Source: OpenID Connect Core §8, Back-Channel Logout 1.0 §2.1.
"""

import hmac
from datetime import datetime
from uuid import UUID

from authsvc.crypto import aliases, base64url
from authsvc.domain.keyring import Keyring, KeyUnit
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.relying_parties import PAIRWISE, sector_of
from authsvc.domain.tenants import LOOPBACK_HOSTS

_CONTEXT = b"authsvc pairwise subject v1\x00"
_SESSIONS = b"authsvc pairwise session v1\x00"


def subject_for(user_id: UUID, client: Client, keyring: Keyring, unit: KeyUnit, now: datetime) -> str:
    """Return the person's name for this client: the same for ever, and for a pairwise client no one else's.

    Derived under the tenant's own key, so that nobody can find out which pairwise names are one person (§8.1).
    """
    party = client.relying_party
    if party.subject_type != PAIRWISE:
        return str(user_id)
    sector = sector_of(party)
    if sector is None or (party.sector is None and sector in LOOPBACK_HOSTS):
        # Every device's own address is nobody's sector: each app there is one by itself.
        sector = f"client {client.id}"
    message = _CONTEXT + sector.encode() + b"\x00" + user_id.bytes
    return base64url.encode(hmac.digest(keyring.pairwise_key(unit, now), message, "sha256"))


def session_for(session_id: UUID, client: Client, keyring: Keyring, unit: KeyUnit, now: datetime) -> UUID:
    """Return the session's name for this client (`sid`): its id, or for a pairwise client one that no other is told.

    One `sid` for all would join the pairwise names that two clients have for one person.
    """
    key = _session_key(client, keyring, unit, now)
    return session_id if key is None else UUID(bytes=aliases.hide(session_id.bytes, key))


def session_behind(told: UUID, client: Client, keyring: Keyring, unit: KeyUnit, now: datetime) -> UUID:
    """Return the id of the session that this client knows by that name; whether there is such a one is not said."""
    key = _session_key(client, keyring, unit, now)
    return told if key is None else UUID(bytes=aliases.reveal(told.bytes, key))


def _session_key(client: Client, keyring: Keyring, unit: KeyUnit, now: datetime) -> bytes | None:
    if client.relying_party.subject_type != PAIRWISE:
        return None
    return aliases.alias_key(keyring.pairwise_key(unit, now), _SESSIONS + client.id.encode())
