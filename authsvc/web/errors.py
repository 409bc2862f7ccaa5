"""The table of what each refusal looks like over HTTP, and its two forms: RFC 6749 error JSON and RFC 9457 problems."""

from dataclasses import dataclass
from typing import Any

from authsvc.domain import documents, tenants
from authsvc.domain.fields import FieldsInvalid
from authsvc.domain.mail import links
from authsvc.domain.parties import clients, key_sources, relying_parties, resources, trusted_issuers
from authsvc.domain.parties.registration_quota import TooManyClients
from authsvc.domain.people import login, password_change, passwords, user_imports, user_rows, users
from authsvc.domain.people.lockout import Throttled
from authsvc.domain.sign_in import flows
from authsvc.domain.tokens import api_keys
from authsvc.errors import AuthsvcError, Conflict, StorageUnavailable
from authsvc.protocol.errors import (
    InsufficientAuthentication,
    InsufficientScope,
    InvalidClient,
    InvalidToken,
    MissingToken,
    ProtocolError,
)
from authsvc.web.csrf import ForeignForm, FormOutdated
from authsvc.web.rate_limit import TooManyRequests
from authsvc.web.responses import NO_STORE, Headers, Response, json_response, problem
from authsvc.web.rush import Overloaded

RETRY_SECONDS = 1


class HttpError(AuthsvcError):
    """A refusal by the rules of HTTP itself: status, a public sentence, headers that go with it, and its code."""

    rule = "http"

    def __init__(self, status: int, title: str, headers: Headers = (), code: str = "invalid_request") -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.headers = headers
        self.code = code


@dataclass(frozen=True, slots=True)
class Form:
    """Status, error code and public sentence; `says_detail` when the error's own text may be told."""

    status: int
    code: str
    title: str
    says_detail: bool = False


FORMS: dict[type[AuthsvcError], Form] = {
    login.BadCredentials: Form(401, "invalid_credentials", "Wrong username or password."),
    login.AccountDisabled: Form(403, "account_disabled", "This account is disabled."),
    password_change.WrongPassword: Form(403, "invalid_credentials", "The current password is wrong."),
    links.LinkInvalid: Form(400, "invalid_token", "The token is unknown, expired or was used already."),
    flows.FlowOver: Form(400, "invalid_request", "There is no such errand, or it is over."),
    flows.ForeignBrowser: Form(403, "invalid_request", "This errand was begun in another browser."),
    ForeignForm: Form(403, "invalid_request", "Another site sent this form."),
    FormOutdated: Form(403, "invalid_request", "This form is out of date."),
    FieldsInvalid: Form(422, "invalid_fields", "Some fields cannot be used: see errors."),
    Throttled: Form(429, "too_many_attempts", "Too many attempts. Try again later."),
    TooManyRequests: Form(429, "too_many_requests", "Too many requests from your address. Try again later."),
    api_keys.TooManyApiKeys: Form(409, "too_many_api_keys", "One more API key is too many.", says_detail=True),
    user_imports.TooManyImports: Form(409, "too_many_imports", "One more import is too many.", says_detail=True),
    user_imports.ImportOver: Form(
        409, "import_over", "The import is over: nothing is left to cancel.", says_detail=True
    ),
    user_rows.FileUnreadable: Form(422, "invalid_file", "The file cannot be read.", says_detail=True),
    TooManyClients: Form(403, "access_denied", "No more clients can be registered here: ask the administrator."),
    Conflict: Form(409, "conflict", "This exists already or was changed meanwhile."),
    StorageUnavailable: Form(503, "temporarily_unavailable", "The service cannot answer now. Try again."),
    Overloaded: Form(503, "temporarily_unavailable", "The service is busy. Try again."),
    users.UsernameInvalid: Form(422, "invalid_username", "The user name cannot be used.", says_detail=True),
    users.EmailInvalid: Form(422, "invalid_email", "The address cannot be used.", says_detail=True),
    passwords.PasswordInvalid: Form(422, "invalid_password", "The password cannot be used.", says_detail=True),
    clients.ClientInvalid: Form(422, "invalid_client_metadata", "The client cannot be registered.", says_detail=True),
    relying_parties.RedirectUriInvalid: Form(
        422, "invalid_redirect_uri", "A redirect URI cannot be registered.", says_detail=True
    ),
    relying_parties.RelyingPartyInvalid: Form(
        422, "invalid_client_metadata", "The client cannot be registered.", says_detail=True
    ),
    resources.ResourceInvalid: Form(422, "invalid_resource", "The resource cannot be registered.", says_detail=True),
    tenants.IssuerInvalid: Form(422, "invalid_issuer", "The issuer cannot be used.", says_detail=True),
    tenants.LookInvalid: Form(422, "invalid_look", "Pages cannot look so.", says_detail=True),
    documents.FetchBusy: Form(503, "temporarily_unavailable", "Too many requests wait for others' keys. Try again."),
    documents.FetchFailed: Form(400, "invalid_request", "A document that this request needs cannot be read now."),
    key_sources.KeySourceInvalid: Form(422, "invalid_keys", "The keys cannot be registered.", says_detail=True),
    trusted_issuers.TrustedIssuerInvalid: Form(
        422, "invalid_issuer", "The issuer cannot be trusted so.", says_detail=True
    ),
}
UNEXPECTED = Form(500, "server_error", "Something went wrong here.")


def oauth_error(error: AuthsvcError, issuer: str, request_id: str) -> Response:
    """Return the refusal as an OAuth endpoint gives it (RFC 6749 §5.2)."""
    status, code, description = _told(error)
    body = {"error": code, "error_description": description, "request_id": request_id}
    return json_response(status, body, NO_STORE + _headers(error, issuer, status))


def api_problem(error: AuthsvcError, issuer: str, request_id: str) -> Response:
    """Return the refusal as the JSON API gives it (RFC 9457), with the error's code as an extension member."""
    status, code, description = _told(error)
    body: dict[str, Any] = {"title": description, "error": code, "request_id": request_id}
    if isinstance(error, FieldsInvalid):
        body["errors"] = [{"field": found.field, "message": found.message} for found in error.problems]
    return problem(status, body, NO_STORE + _headers(error, issuer, status))


def rule_of(error: AuthsvcError) -> str:
    """Return the short name of the rule that failed, for logs."""
    return error.failed_rule if isinstance(error, ProtocolError) else error.rule


def code_of(error: AuthsvcError) -> str:
    """Return the public error code of a refusal."""
    return _told(error)[1]


def status_of(error: AuthsvcError) -> int:
    """Return the status of a refusal."""
    return _told(error)[0]


def headers_of(error: AuthsvcError) -> Headers:
    """Return the headers that a refusal brings to a page, which challenges nobody."""
    if isinstance(error, Throttled) or status_of(error) == FORMS[StorageUnavailable].status:
        return _headers(error, "", status_of(error))
    return error.headers if isinstance(error, HttpError) else ()


def _told(error: AuthsvcError) -> tuple[int, str, str]:
    if isinstance(error, ProtocolError):
        return error.status, error.code, error.description
    if isinstance(error, HttpError):
        return error.status, error.code, error.title
    form = FORMS.get(type(error), UNEXPECTED)
    return form.status, form.code, f"{form.title} ({error.detail})" if form.says_detail else form.title


def _headers(error: AuthsvcError, issuer: str, status: int) -> Headers:
    if isinstance(error, HttpError):
        return error.headers
    if isinstance(error, Throttled):
        return ((b"retry-after", str(error.retry_after_seconds).encode()),)
    if status == FORMS[StorageUnavailable].status:
        return ((b"retry-after", str(RETRY_SECONDS).encode()),)
    challenge = _challenge(error, issuer)
    return ((b"www-authenticate", challenge.encode("latin-1")),) if challenge else ()


def _challenge(error: AuthsvcError, issuer: str) -> str | None:
    if isinstance(error, InvalidClient):
        return f'Basic realm="{issuer}"'
    if isinstance(error, (MissingToken, login.BadCredentials)):
        return f'Bearer realm="{issuer}"'
    if isinstance(error, (InvalidToken, InsufficientScope)):
        scope = f', scope="{error.scope}"' if isinstance(error, InsufficientScope) else ""
        return f'Bearer realm="{issuer}", error="{error.code}", error_description="{error.description}"{scope}'
    if isinstance(error, InsufficientAuthentication):
        return (
            f'Bearer realm="{issuer}", error="{error.code}", error_description="{error.description}", '
            f'max_age="{error.max_age_seconds}"'
        )
    return None
