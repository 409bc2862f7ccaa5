"""The table of operations, by method and path. What a route knows by itself (its types, its lane) is not repeated."""

from collections.abc import Mapping

from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.mail.links import LinkInvalid
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.people.login import AccountDisabled, BadCredentials
from authsvc.domain.people.password_change import WrongPassword
from authsvc.domain.tokens.api_keys import TooManyApiKeys
from authsvc.errors import Conflict
from authsvc.protocol.errors import (
    InsufficientAuthentication,
    InsufficientScope,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    MissingToken,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedTokenType,
)
from authsvc.web.documented.account_pages import ACCOUNT_PAGES
from authsvc.web.documented.administration import ADMINISTRATION
from authsvc.web.documented.bodies import asked_body, login_body, logout_body, token_body, userinfo_body
from authsvc.web.documented.front_channel import FRONT_CHANNEL
from authsvc.web.documented.operation import IDEMPOTENCY, KEY_REUSED, Answer, Operation, Refusal
from authsvc.web.documented.pages import PAGES
from authsvc.web.documented.registration import REGISTRATION
from authsvc.web.documented.schemas import ref
from authsvc.web.errors import Form

TAGS: Mapping[str, str] = {
    "Tokens": "For programs: tokens from what they hold, and the end of a sign-in.",
    "Account": "For people, through their app: sign up, read and change their own account.",
    "API keys": "For people, through their app, and for services: long-lived secrets, exchanged for short tokens.",
    "Administration": "For operators' programs: users and what else a tenant has, by tokens for the admin API.",
    "Registration": "For clients that register themselves.",
    "Pages": "For people, in their browser: plain forms that work without scripts.",
    "Documents": "What the service publishes about itself. Anyone may read it.",
    "Health": "For load balancers and supervisors.",
}
_JSON = "application/json"
_FOREIGN: Refusal = Form(403, "invalid_request", "The browser's page is of an origin that is not registered.")
_ISSUE: tuple[Refusal, ...] = (InvalidClient, UnauthorizedClient, InvalidScope, InvalidTarget, Throttled)
_TOKEN: tuple[Refusal, ...] = (MissingToken, InvalidToken, InsufficientScope)
_TOKENS = {200: Answer("Tokens were issued.", _JSON, ref("Tokens"), {"Cache-Control": "no-store"})}
_PERSON = {200: Answer("The person.", _JSON, ref("Userinfo"), {"Cache-Control": "no-store"})}
_ACCOUNT = {200: Answer("The account as it is now.", _JSON, ref("Account"))}
_STATUS = {200: Answer("Yes.", _JSON, ref("Status"))}
_CREATED = Answer("The account was made.", _JSON, ref("Account"), {"Location": "The address of the account."})
_KEYS: tuple[Refusal, ...] = (*_TOKEN, InvalidClient, UnauthorizedClient)
_NO_KEY: Refusal = Form(404, "invalid_request", "There is no such API key.")
_KEY_CREATED = Answer(
    "The key was made. Its secret is told only now.",
    _JSON,
    ref("NewApiKey"),
    {"Location": "The address of the key.", "Cache-Control": "no-store"},
)
_METADATA = Operation(
    "Documents",
    {200: Answer("The metadata.", _JSON, ref("Metadata")), 304: Answer("The copy at hand is still good.")},
    "Where everything is and what is supported.",
)

OPERATIONS: Mapping[str, Operation] = {
    "POST /login": Operation(
        "Tokens",
        _TOKENS,
        "Sign a person in with name and password, from a first-party app.",
        "client",
        login_body(),
        (*_ISSUE, BadCredentials, AccountDisabled, _FOREIGN),
        {
            "Sign a person in": "-H 'Content-Type: application/json' --data @- <<'JSON'\n"
            '{"client_id": "my-app",\n "username": "alice",\n "password": "correct horse battery staple"}\nJSON'
        },
    ),
    "POST /token": Operation(
        "Tokens",
        _TOKENS,
        "Get tokens for a grant.",
        "client",
        token_body(),
        (*_ISSUE, InvalidGrant, UnsupportedGrantType),
        {
            "Get a token for a service": '-u "$CLIENT_ID:$CLIENT_SECRET" \\\n  -d grant_type=client_credentials',
            "Refresh a person's tokens": "-d grant_type=refresh_token \\\n  -d client_id=my-app \\\n"
            '  --data-urlencode "refresh_token=$REFRESH_TOKEN"',
        },
    ),
    "POST /logout": Operation(
        "Tokens",
        {204: Answer("The session has ended, and every token family on it.")},
        "End a session, with its refresh token or with an account token.",
        "client or account",
        logout_body(),
        (*_TOKEN, InvalidClient, InvalidGrant, _FOREIGN),
        {"Sign out": '-d client_id=my-app \\\n  --data-urlencode "refresh_token=$REFRESH_TOKEN"'},
    ),
    "POST /introspect": Operation(
        "Tokens",
        {
            200: Answer(
                "What the token is worth. As a signed JWT (RFC 9701) for who accepts "
                "application/token-introspection+jwt.",
                _JSON,
                ref("Introspection"),
                {"Cache-Control": "no-store"},
            )
        },
        "Ask what a token is worth: for the server of one of its resources, and for the client that owns it.",
        "client",
        asked_body(),
        (InvalidClient,),
        {"Ask about a token": '-u "$CLIENT_ID:$CLIENT_SECRET" \\\n  --data-urlencode "token=$ACCESS_TOKEN"'},
    ),
    "POST /revoke": Operation(
        "Tokens",
        {200: Answer("Nothing of the token can be used any more.")},
        "End a token: an access token by itself, a refresh token with all that came of its sign-in.",
        "client",
        asked_body(),
        (InvalidClient, InvalidGrant, UnsupportedTokenType),
        {"End a refresh token": '-d client_id=my-app \\\n  --data-urlencode "token=$REFRESH_TOKEN"'},
    ),
    "GET /userinfo": Operation(
        "Tokens", _PERSON, "Read what an access token tells about its person.", "token", refusals=_TOKEN
    ),
    "POST /userinfo": Operation(
        "Tokens", _PERSON, "The same, with the token in the header or in the body.", "token", userinfo_body(), _TOKEN
    ),
    "POST /register": Operation(
        "Account",
        {
            201: _CREATED,
            202: Answer("A letter was sent: the password is chosen behind its link.", _JSON, ref("Status")),
        },
        refusals=(FieldsInvalid, Conflict, Throttled, _FOREIGN),
    ),
    "POST /register/confirm": Operation(
        "Account", {201: _CREATED}, refusals=(FieldsInvalid, LinkInvalid, Conflict, _FOREIGN)
    ),
    "GET /me": Operation("Account", _ACCOUNT, caller="account", refusals=_TOKEN),
    "PATCH /me": Operation(
        "Account",
        _ACCOUNT,
        caller="account",
        refusals=(*_TOKEN, InsufficientAuthentication, FieldsInvalid, Conflict, Throttled),
    ),
    "DELETE /me": Operation(
        "Account",
        {204: Answer("The account is gone, with all its sessions.")},
        caller="account",
        refusals=(*_TOKEN, InsufficientAuthentication),
    ),
    "POST /me/password": Operation(
        "Account",
        {204: Answer("The password was changed; all other sessions have ended.")},
        caller="account",
        refusals=(*_TOKEN, InsufficientAuthentication, WrongPassword, FieldsInvalid, Conflict, Throttled),
    ),
    "POST /password/forgot": Operation(
        "Account",
        {202: Answer("A letter goes to the verified address of the account, if there is one.", _JSON, ref("Status"))},
        refusals=(FieldsInvalid, Throttled, _FOREIGN),
    ),
    "POST /password/reset": Operation(
        "Account",
        {204: Answer("The password was changed; all sessions have ended, and all API keys are revoked.")},
        refusals=(FieldsInvalid, LinkInvalid, Conflict, _FOREIGN),
    ),
    "POST /me/email/confirm": Operation(
        "Account", _ACCOUNT, caller="account", refusals=(*_TOKEN, LinkInvalid, FieldsInvalid, Conflict)
    ),
    "POST /api-keys": Operation(
        "API keys",
        {201: _KEY_CREATED},
        caller="service or account",
        refusals=(*_KEYS, InsufficientAuthentication, FieldsInvalid, Conflict, TooManyApiKeys, KEY_REUSED),
        headers=IDEMPOTENCY,
        examples={
            "Make a key for a service": '-u "$CLIENT_ID:$CLIENT_SECRET" \\\n  '
            "-H 'Content-Type: application/json' --data @- <<'JSON'\n"
            '{"name": "nightly report", "scopes": ["orders:read"]}\nJSON'
        },
    ),
    "GET /api-keys": Operation(
        "API keys",
        {200: Answer("The keys that are not revoked.", _JSON, ref("ApiKeys"))},
        caller="service or account",
        refusals=_KEYS,
    ),
    "GET /api-keys/{key_id}": Operation(
        "API keys",
        {200: Answer("The key, without its secret.", _JSON, ref("ApiKey"))},
        caller="service or account",
        refusals=(*_KEYS, _NO_KEY),
    ),
    "DELETE /api-keys/{key_id}": Operation(
        "API keys",
        {204: Answer("The key is refused from now on.")},
        caller="service or account",
        refusals=(*_KEYS, _NO_KEY),
    ),
    **REGISTRATION,
    **ADMINISTRATION,
    "GET /jwks": Operation(
        "Documents",
        {
            200: Answer("The key set.", "application/jwk-set+json", ref("KeySet")),
            304: Answer("The copy at hand is still good."),
        },
        "The public keys with which every service verifies tokens.",
    ),
    "GET /.well-known/oauth-authorization-server": _METADATA,
    "GET /.well-known/openid-configuration": _METADATA,
    "GET /openapi.json": Operation(
        "Documents", {200: Answer("The document.", _JSON, {"type": "object"})}, "This description, for programs."
    ),
    "GET /docs": Operation(
        "Documents", {200: Answer("The page.", "text/html", {"type": "string"})}, "This description, for people."
    ),
    **FRONT_CHANNEL,
    **PAGES,
    **ACCOUNT_PAGES,
    "GET /health/live": Operation("Health", _STATUS, "Whether the process runs."),
    "GET /health/ready": Operation("Health", _STATUS, "Whether the process can answer; 503 if not."),
}
