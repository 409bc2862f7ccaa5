"""One sound example of everything that is stored; `dataclasses.replace` makes the variants."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from authsvc.domain.audit import AuditEvent
from authsvc.domain.keyring import KeyRecord
from authsvc.domain.mail.outbox import Letter, MailedLink
from authsvc.domain.parties.clients import Client, ClientSecret, FederatedIdentity
from authsvc.domain.parties.registration_tokens import RegistrationToken
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.domain.people.lockout import Reservation, Schedule
from authsvc.domain.people.users import User
from authsvc.domain.sign_in.authorization_codes import AuthorizationCode
from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.sign_in.continuations import AUTHORIZE, Continuation
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.domain.sign_in.sessions import BROWSER, BrowserSession, RefreshFamily, Session
from authsvc.domain.tenants import Look, Tenant
from authsvc.domain.tokens.access_tokens import OpaqueAccessToken
from authsvc.domain.tokens.api_keys import ApiKey
from authsvc.domain.tokens.content import SignIn
from authsvc.domain.tokens.exchange import ExchangePolicy

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
        userinfo_claims=frozenset({"email", "phone_number"}), told_session_id=uuid4(),
        authenticated_at=NOW, amr=("pwd",),
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


LOOK = Look("Ännes Laden", "#aa0011", "#ff8899", b"\x89PNG\x00\xff", "image/png")
DETAILS = {"given_name": "Änne", "address": {"country": "DE"}, "birthdate": "1990-01-02"}
EVERY_MEMBER = RelyingParty(
    redirect_uris=("https://shop.example/cb", "com.example.shop:/cb"),
    post_logout_redirect_uris=("https://shop.example/out",), application_type="native", subject_type="pairwise",
    sector="shop.example", sector_identifier_uri="https://shop.example/uris.json", default_max_age_seconds=3_600,
    requires_auth_time=True, default_acr_values=("urn:acr:2", "urn:acr:1"),
    initiate_login_uri="https://shop.example/login", userinfo_algorithm="ES256", request_object_algorithm="PS256",
    frontchannel_logout_uri="https://shop.example/front", frontchannel_logout_session_required=True,
    backchannel_logout_uri="https://shop.example/back", backchannel_logout_session_required=True, skips_consent=True,
    texts={"client_uri": "https://shop.example", "client_name#fr": "Le café"}, contacts=("anne@example.com",),
    software_id="shop", software_version="2.1", registration_token_hash="management-hash", registered_with="open",
)  # fmt: skip


def a_browser_session(user: User, secret_hash: str = "cookie-hash") -> BrowserSession:
    session = replace(a_session(user), client_id=BROWSER)
    return BrowserSession(session, secret_hash, LATER, NOW, "192.0.2.1", "Änne's browser")


def a_code(session: Session, code_hash: str = "code-hash") -> AuthorizationCode:
    return AuthorizationCode(
        code_hash, "shop", SignIn(session.user_id, session.id, NOW, ("pwd", "otp"), uuid4()),
        "https://shop.example/cb", "challenge", frozenset({"openid", "schön"}), frozenset({"https://api.example"}),
        "nonce", {"userinfo": {"email": {"essential": True}}}, "urn:acr:1", "token-id", True, NOW, LATER,
    )  # fmt: skip


def a_continuation(handle_hash: str = "handle-hash") -> Continuation:
    parameters = {"client_id": ("shop",), "resource": ("https://b.example", "https://a.example"), "state": ("schön",)}
    return Continuation(handle_hash, "browser-hash", AUTHORIZE, "shop", parameters, NOW, LATER)


def a_consent(user: User, client_id: str = "shop") -> Consent:
    return Consent(
        user.id, client_id, frozenset({"openid", "read"}), frozenset({"https://api.example"}), frozenset({"email"}),
        NOW, NOW,
    )  # fmt: skip


def a_delivery(send_after: datetime = NOW) -> LogoutDelivery:
    return LogoutDelivery(uuid4(), "shop", uuid4(), uuid4(), NOW, send_after)


def a_registration_token(secret_hash: str = "registration-hash", uses_left: int | None = 2) -> RegistrationToken:
    return RegistrationToken(uuid4(), secret_hash, "Änne's team", NOW, LATER, uses_left)
