"""Clients: the programs that may ask for tokens, their secrets and what each may ask for."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from authsvc.crypto import envelope, opaque
from authsvc.crypto.algorithms import HMAC_ALGORITHMS, SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.domain.parties.key_sources import check_key_source
from authsvc.domain.parties.relying_parties import NO_RELYING_PARTY, RelyingParty, check_relying_party, is_text
from authsvc.domain.tokens.exchange import ExchangePolicy, check_exchange_policies
from authsvc.errors import DomainError

PROFILES = ("oauth2.1", "oidc")
"""Rules that a client is held to; `oidc` allows what OpenID Connect Core allows and OAuth 2.1 does not."""

MAX_LIVE_SECRETS = 2
"""Two, so that a secret can be rotated without a moment in which none works."""

AUTH_METHODS = (
    "none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "federated_assertion",
)  # fmt: skip
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
SHARED_SECRET_METHOD = "client_secret_jwt"
"""The method for which the server must know the secret itself."""
MAX_IDENTITY_CHARACTERS = 512
CODE_GRANT = "authorization_code"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
# A secret of 54 characters would be shorter than the hash of HS512 (RFC 7518 §3.2).
_MORE_BYTES = 24
_MORE = re.compile(r"[A-Za-z0-9_-]{32}")
_SAME_SECRETS = frozenset({"client_secret_basic", "client_secret_post"})
Seal = Callable[[str, str, str], bytes]
"""Encrypts a secret: client id, secret id, secret."""


class ClientInvalid(DomainError):
    """The registration asks for something that no client may have; the detail says what to mend."""

    rule = "client_invalid"


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """One live secret: only its hash is kept. `id` is a short public name for listing and revoking.

    The server must know the secret of a `client_secret_jwt` client: it is kept encrypted besides.
    """

    id: str
    secret_hash: str
    created_at: datetime
    secret_encrypted: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """An external identity that is this client: a trusted issuer's subject. `audience` None: this server's issuer."""

    issuer: str
    subject: str
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client (RFC 6749 §2). Sets are what it may use, never what it gets unasked.

    `scopes` bounds its requests; `resources` holds the audiences it may name; `origins` the browser origins that may
    call for it; `first_party` lets it post people's passwords to /login. `serves` are the audiences of the resources
    whose server it is: it may ask what tokens for them are worth. `jwks` is a JWK Set as JSON text; its keys, or those
    at `jwks_uri`, sign its assertions with one of `assertion_algorithms`.
    """

    id: str
    name: str
    auth_method: str
    secrets: tuple[ClientSecret, ...]
    first_party: bool
    grant_types: frozenset[str]
    scopes: frozenset[str]
    resources: frozenset[str]
    origins: frozenset[str]
    profile: str
    id_token_algorithm: str
    created_at: datetime
    disabled_at: datetime | None = None
    version: int = 1
    serves: frozenset[str] = frozenset()
    jwks: str | None = None
    jwks_uri: str | None = None
    assertion_algorithms: frozenset[str] = frozenset()
    identities: tuple[FederatedIdentity, ...] = ()
    exchanges: tuple[ExchangePolicy, ...] = ()
    relying_party: RelyingParty = NO_RELYING_PARTY

    @property
    def is_public(self) -> bool:
        """A public client cannot keep a secret (RFC 6749 §2.1)."""
        return self.auth_method == "none"

    @property
    def has_secrets(self) -> bool:
        """Whether it proves itself by a secret that it shares with the server."""
        return self.auth_method in SECRET_METHODS


def check_client(client: Client, allowed_hosts: frozenset[str] = frozenset()) -> Client:
    """Return the client if its registration is sound; `allowed_hosts` as in `check_key_source`.

    Raises: ClientInvalid, KeySourceInvalid, ExchangePolicyInvalid, RelyingPartyInvalid.
    A client id in the form of a user id could pass for a user in `sub` (RFC 9068 §5).
    """
    _check_names(client)
    if client.profile not in PROFILES:
        raise ClientInvalid(f"profile: one of {', '.join(PROFILES)}")
    if client.auth_method not in AUTH_METHODS:
        raise ClientInvalid(f"auth_method: one of {', '.join(AUTH_METHODS)}")
    if client.secrets and not client.has_secrets:
        raise ClientInvalid(f"a client of {client.auth_method} has no secret")
    if client.is_public and "client_credentials" in client.grant_types:
        raise ClientInvalid("client_credentials is for confidential clients only")
    if wrong := sorted(origin for origin in client.origins if not _ORIGIN.fullmatch(origin)):
        raise ClientInvalid(f"origins: {wrong[0]!r} is not as browsers send it: https://host or https://host:port")
    if client.id_token_algorithm not in SIGNING_ALGORITHMS:
        raise ClientInvalid(f"id_token_algorithm: one of {', '.join(SIGNING_ALGORITHMS)}")
    _check_assertions(client, allowed_hosts)
    _check_identities(client)
    check_relying_party(client.relying_party, allowed_hosts)
    if CODE_GRANT in client.grant_types and not client.relying_party.redirect_uris:
        raise ClientInvalid(f"redirect_uris: at least one, or {CODE_GRANT} can send nobody back")
    check_exchange_policies(client.exchanges)
    if len(client.secrets) > MAX_LIVE_SECRETS:
        raise ClientInvalid(f"at most {MAX_LIVE_SECRETS} secrets live at once: revoke one first")
    return client


def with_new_secret(
    client: Client, now: datetime, seal: Seal | None = None, allowed_hosts: frozenset[str] = frozenset()
) -> tuple[Client, str]:
    """Return the client with one more secret, and that secret, which is told once.

    Secrets are never chosen: SHA-256 is hash enough only because each is 256 random bits. `seal` (see `sealing`)
    encrypts the secret of a client of `client_secret_jwt`, and of no other. Raises: ClientInvalid.
    """
    secret, secret_id, encrypted = generated_secret(client.auth_method), new_secret_id(), None
    if client.auth_method == SHARED_SECRET_METHOD:
        if seal is None:
            raise ClientInvalid(f"the secret of a client of {SHARED_SECRET_METHOD} must be encrypted")
        encrypted = seal(client.id, secret_id, secret)
    kept = ClientSecret(secret_id, opaque.hash_secret(secret), now, encrypted)
    return check_client(replace(client, secrets=(*client.secrets, kept)), allowed_hosts), secret


def generated_secret(auth_method: str) -> str:
    """Return a new secret for a client of this method; nothing is stored of it."""
    secret = opaque.new_secret(opaque.CLIENT_SECRET)
    return secret + secrets.token_urlsafe(_MORE_BYTES) if auth_method == SHARED_SECRET_METHOD else secret


def is_generated(secret: str, auth_method: str) -> bool:
    """Whether the secret has the form of one that was generated for a client of this method, and no typing error."""
    if auth_method == SHARED_SECRET_METHOD:
        secret, more = secret[:-32], secret[-32:]
        return _MORE.fullmatch(more) is not None and opaque.is_well_formed(opaque.CLIENT_SECRET, secret)
    return auth_method in SECRET_METHODS and opaque.is_well_formed(opaque.CLIENT_SECRET, secret)


def new_secret_id() -> str:
    """Return a short public name for a secret."""
    return secrets.token_hex(4)


def secrets_kept(client: Client, auth_method: str) -> tuple[ClientSecret, ...]:
    """Return the secrets that outlive a change to this method."""
    same = client.auth_method == auth_method or {client.auth_method, auth_method} <= _SAME_SECRETS
    return client.secrets if same else ()


def client_secret_place(tenant_id: UUID, client_id: str, secret_id: str) -> Place:
    """Return where an encrypted secret lies."""
    return Place(str(tenant_id), table="clients", row=f"{client_id}/{secret_id}", column="secret_encrypted")


def sealing(tenant_id: UUID, master_keys: MasterKeys) -> Seal:
    """Return what encrypts the secrets of this tenant's clients."""

    def seal(client_id: str, secret_id: str, secret: str) -> bytes:
        return envelope.encrypt(secret.encode(), client_secret_place(tenant_id, client_id, secret_id), master_keys)

    return seal


def shared_secrets(client: Client, tenant_id: UUID, master_keys: MasterKeys) -> tuple[bytes, ...]:
    """Return the live secrets that the server knows. Raises: DecryptionFailed."""
    return tuple(
        envelope.decrypt(secret.secret_encrypted, client_secret_place(tenant_id, client.id, secret.id), master_keys)
        for secret in client.secrets
        if secret.secret_encrypted is not None
    )


def without_secret(client: Client, secret_id: str) -> Client:
    """Return the client without that secret. Raises: ClientInvalid if it has no such secret."""
    kept = tuple(secret for secret in client.secrets if secret.id != secret_id)
    if len(kept) == len(client.secrets):
        raise ClientInvalid(f"client {client.id} has no secret {secret_id}")
    return replace(client, secrets=kept)


def secret_matches(client: Client, presented_secret: str) -> bool:
    """Whether the secret is one of the client's live ones; every hash is compared, in constant time."""
    found = False
    for secret in client.secrets:
        found |= opaque.matches(presented_secret, secret.secret_hash)
    return found


def _check_names(client: Client) -> None:
    if not _ID.fullmatch(client.id) or _UUID.fullmatch(client.id):
        raise ClientInvalid("client_id: 1 to 128 characters of A-Z a-z 0-9 . _ ~ -, and not in the form of a UUID")
    if not is_text(client.name):
        raise ClientInvalid("name: 1 to 255 characters in one line")


def _check_assertions(client: Client, allowed_hosts: frozenset[str]) -> None:
    """Refuse algorithms and keys that do not go with the method. Raises: ClientInvalid, KeySourceInvalid."""
    is_shared = client.auth_method == SHARED_SECRET_METHOD
    if any((secret.secret_encrypted is not None) != is_shared for secret in client.secrets):
        raise ClientInvalid(f"secrets: those of {SHARED_SECRET_METHOD} are kept encrypted, and no others")
    signs = client.auth_method == "private_key_jwt"
    known = HMAC_ALGORITHMS if is_shared else STRANGER_ALGORITHMS
    if signs or is_shared:
        if not (client.assertion_algorithms and client.assertion_algorithms.issubset(known)):
            raise ClientInvalid(f"assertion_algorithms: one or more of {', '.join(known)}")
    elif client.assertion_algorithms:
        raise ClientInvalid(f"assertion_algorithms: a client of {client.auth_method} signs no assertions")
    if signs or client.relying_party.request_object_algorithm is not None:
        check_key_source(client.jwks, client.jwks_uri, allowed_hosts)
    elif client.jwks is not None or client.jwks_uri is not None:
        if CODE_GRANT not in client.grant_types:
            raise ClientInvalid(f"keys: a client of {client.auth_method} signs nothing with keys of its own")
        # It may sign its authorization requests (RFC 9101).
        check_key_source(client.jwks, client.jwks_uri, allowed_hosts)


def _check_identities(client: Client) -> None:
    """Refuse external identities that no token could have. Raises: ClientInvalid."""
    if client.auth_method == "federated_assertion" and not client.identities:
        raise ClientInvalid("identities: at least one external identity, or nobody can be this client")
    for identity in client.identities:
        texts = (identity.issuer, identity.subject, *(() if identity.audience is None else (identity.audience,)))
        if not all(0 < len(text) <= MAX_IDENTITY_CHARACTERS for text in texts):
            raise ClientInvalid(f"identities: issuer, subject, audience have 1 to {MAX_IDENTITY_CHARACTERS} characters")
    if len({(identity.issuer, identity.subject) for identity in client.identities}) < len(client.identities):
        raise ClientInvalid("identities: one of them is named twice")
