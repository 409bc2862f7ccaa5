"""Whom a client is told of (`sub`): everybody the same person, or each sector another (OpenID Connect Core §8)."""

import hmac
from datetime import datetime
from uuid import UUID

from authsvc.crypto import base64url
from authsvc.domain.clients import Client
from authsvc.domain.keyring import Keyring, KeyUnit
from authsvc.domain.relying_parties import PAIRWISE, sector_of
from authsvc.domain.tenants import LOOPBACK_HOSTS

_CONTEXT = b"authsvc pairwise subject v1\x00"


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
