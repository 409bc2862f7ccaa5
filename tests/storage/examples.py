"""One sound example of everything that is stored; `dataclasses.replace` makes the variants."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from authsvc.domain.access_tokens import OpaqueAccessToken
from authsvc.domain.api_keys import ApiKey
from authsvc.domain.audit import AuditEvent
from authsvc.domain.clients import Client, ClientSecret, FederatedIdentity
from authsvc.domain.exchange import ExchangePolicy
from authsvc.domain.keyring import KeyRecord
from authsvc.domain.lockout import Reservation, Schedule
from authsvc.domain.outbox import Letter, MailedLink
from authsvc.domain.resources import Resource
from authsvc.domain.sessions import RefreshFamily, Session
from authsvc.domain.tenants import Tenant
from authsvc.domain.trusted_issuers import TrustedIssuer
from authsvc.domain.users import User

NOW = datetime(2026, 3, 4, 5, 6, 7, 89_012, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SCHEDULE = Schedule(free=3, first_delay_seconds=30, longest_delay_seconds=100, window_seconds=3_600)


def a_tenant(name: str = "main", *, host: str | None = None, path: str = "", is_default: bool = False) -> Tenant:
    return Tenant(uuid4(), name, f"https://{name}.example", host, path, is_default, NOW)


def a_user(username: str = "Änne", email: str | None = "Anne@Example.com", *, verified: bool = True) -> User:
    return User(uuid4(), username, email, verified, "Änne \N{SNOWMAN}", "$argon2id$...", NOW)


def a_session(user: User, **times: datetime) -> Session:
    return Session(uuid4(), user.id, "shop", NOW, ("pwd", "otp"), times.get("expires_at", NOW + timedelta(days=30)))


def a_family(session: Session) -> RefreshFamily:
    return RefreshFamily(
        id=uuid4(), session_id=session.id, user_id=session.user_id, client_id=session.client_id,
        scopes=frozenset({"openid", "read"}), resources=frozenset({"https://api.example"}),
        current_hash="hash-0", previous_hash=None, generation=0, rotated_at=NOW, created_at=NOW,
        idle_expires_at=NOW + timedelta(days=30), expires_at=NOW + timedelta(days=180),
    )  # fmt: skip


def a_client(client_id: str = "shop") -> Client:
    return Client(
        id=client_id, name="The shop", auth_method="client_secret_basic",
        secrets=(ClientSecret("one", "hash", NOW), ClientSecret("two", "hash2", LATER)), first_party=True,
        grant_types=frozenset({"refresh_token", "client_credentials"}), scopes=frozenset({"read", "schön"}),
        resources=frozenset({"https://api.example"}), origins=frozenset({"https://shop.example"}),
        profile="oauth2.1", id_token_algorithm="RS256", created_at=NOW,
    )  # fmt: skip


IDENTITY = FederatedIdentity("https://cluster.example", "system:serviceaccount:shop:checkout", "https://idp.example")


def a_federated_client(client_id: str = "robot") -> Client:
    """One that has everything that a_client has not."""
    return replace(
        a_client(client_id), auth_method="federated_assertion", serves=frozenset({"https://api.example"}),
        secrets=(ClientSecret("one", "hash", NOW, b"\x00sealed\xff"), ClientSecret("two", "hash2", LATER)),
        jwks='{"keys": [ ]}', jwks_uri="https://shop.example/keys", assertion_algorithms=frozenset({"ES256", "EdDSA"}),
        identities=(IDENTITY, FederatedIdentity("https://cluster.example", "schön", None)),
        exchanges=(
            ExchangePolicy(
                "https://stock.example", frozenset({"shop", "app"}), frozenset({"https://cluster.example"}),
                api_keys=True, scopes=(("read", frozenset({"stock:read", "b"})), ("a", frozenset())),
                any_audience=True, modes=frozenset({"delegation"}),
            ),
            ExchangePolicy("https://two.example", frozenset({"shop"})),
        ),
    )  # fmt: skip


def a_resource(audience: str = "https://api.example") -> Resource:
    return Resource(audience, "The API", frozenset({"read", "write"}), "ES256", None, NOW)


def a_key(kid: str = "kid-1", algorithm: str = "ES256", ordinal: int = 1) -> KeyRecord:
    return KeyRecord(kid, algorithm, ordinal, b"\x00private\xff", {"kty": "EC", "kid": kid}, NOW, NOW)


def a_letter(send_after: datetime = NOW) -> Letter:
    return Letter(uuid4(), b"\x00letter\xff", NOW, send_after)


def a_link(user_id: UUID, purpose: str = "reset", secret_hash: str = "link-hash") -> MailedLink:
    return MailedLink(secret_hash, purpose, user_id, "anne@example.com", LATER)


def an_event(request_id: str = "request-1", at: datetime = NOW) -> AuditEvent:
    return AuditEvent(uuid4(), at, request_id, "token.refused", "client_disabled", "shop", uuid4(), "192.0.2.1", "why")


def a_reservation(key: str = "key", schedule: Schedule = SCHEDULE) -> Reservation:
    return Reservation(key, schedule)


def an_issuer(issuer: str = "https://cluster.example") -> TrustedIssuer:
    return TrustedIssuer(
        issuer, "The cluster", None, f"{issuer}/keys", frozenset({"RS256", "ES256"}), frozenset({"workloads"}),
        frozenset({"https://idp.example"}), "sub", "user_id", frozenset({"system:serviceaccount:*"}), 3_600, NOW,
    )  # fmt: skip


def an_opaque_token(token_hash: str = "token-hash") -> OpaqueAccessToken:
    claims = {"sub": "shop", "aud": ["https://api.example"], "scope": "read schön", "exp": 5, "act": {"sub": "robot"}}
    return OpaqueAccessToken(token_hash, claims, LATER)


def an_api_key(user_id: UUID | None = None, client_id: str | None = None, secret_hash: str = "key-hash") -> ApiKey:
    return ApiKey(
        uuid4(), user_id, client_id, "Änne's laptop", "ask_1234", secret_hash, frozenset({"read"}),
        frozenset({"https://api.example"}), NOW, LATER,
    )  # fmt: skip
