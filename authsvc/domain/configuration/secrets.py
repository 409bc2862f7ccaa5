"""Client secrets that a document refers to: only their hashes stay."""

from dataclasses import dataclass, field
from datetime import datetime

from authsvc.crypto import opaque
from authsvc.domain.configuration.plain import ConfigurationInvalid
from authsvc.domain.parties.clients import SHARED_SECRET_METHOD, Client, ClientSecret, Seal, is_generated, new_secret_id


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """A secret as it was found where the document says; `source` may be shown."""

    source: str
    value: str = field(repr=False)


def given_secrets(
    client: Client, given: tuple[GivenSecret, ...], now: datetime, seal: Seal | None
) -> tuple[ClientSecret, ...]:
    """Return the live secrets of a client: exactly the given ones, those that it has already as they are.

    Raises: ConfigurationInvalid for one that was chosen: SHA-256 is hash enough only for 256 random bits.
    """
    live: dict[str, ClientSecret] = {}
    for secret in given:
        if not is_generated(secret.value, client.auth_method):
            raise ConfigurationInvalid(
                f"client {client.id}: {secret.source} is no secret of authsvc's own making for {client.auth_method}"
            )
        known = next((each for each in client.secrets if opaque.matches(secret.value, each.secret_hash)), None)
        found = known or _kept(client, secret.value, now, seal)
        live[found.secret_hash] = found
    return tuple(live.values())


def _kept(client: Client, value: str, now: datetime, seal: Seal | None) -> ClientSecret:
    secret_id, encrypted = new_secret_id(), None
    if client.auth_method == SHARED_SECRET_METHOD and seal is not None:
        encrypted = seal(client.id, secret_id, value)
    return ClientSecret(secret_id, opaque.hash_secret(value), now, encrypted)
