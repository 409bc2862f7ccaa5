"""Resources: the APIs that tokens are for (RFC 8707), with their scopes, lifetime and algorithm."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from authsvc.domain.web_address import is_uri_text
from authsvc.errors import DomainError

MAX_ACCESS_TOKEN_SECONDS = 86_400
"""A retired signing key is published at least this long, so no access token may live longer."""

IDENTITY_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
"""Say what is told about a person; they belong to no resource."""

ACCOUNT_SCOPE = "account"
"""The issuer's own API (/me, /logout): a token with it is for the issuer alone."""

JWT, OPAQUE = "jwt", "opaque"
TOKEN_FORMATS = (JWT, OPAQUE)
"""An opaque access token means nothing to who holds it: the resource must introspect it."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")


class ResourceInvalid(DomainError):
    """The resource cannot be registered so; the detail says what to mend."""

    rule = "resource_invalid"


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource. `audience` is its identifier, an absolute URI; lifetime in seconds, None: the default."""

    audience: str
    name: str
    scopes: frozenset[str]
    algorithm: str
    access_token_seconds: int | None
    created_at: datetime
    disabled_at: datetime | None = None
    version: int = 1
    token_format: str = JWT

    def __hash__(self) -> int:
        """Enough to tell resources apart, at a tenth of the cost of hashing every field at each token."""
        return hash(self.audience)


def check_resource(resource: Resource, algorithms: tuple[str, ...]) -> Resource:
    """Return the resource if it may be registered. Raises: ResourceInvalid. Source: RFC 8707 §2."""
    try:
        parts = urlsplit(resource.audience)
    except ValueError:
        raise ResourceInvalid("audience: an absolute URI, such as https://api.example.com") from None
    if not is_uri_text(resource.audience):
        raise ResourceInvalid("audience: a URI in plain ASCII, without spaces")
    if not parts.scheme or not (parts.netloc or parts.path) or "#" in resource.audience:
        raise ResourceInvalid("audience: an absolute URI without a fragment, such as https://api.example.com")
    if resource.algorithm not in algorithms:
        raise ResourceInvalid(f"algorithm: one of {', '.join(algorithms)}")
    if resource.token_format not in TOKEN_FORMATS:
        raise ResourceInvalid(f"token_format: one of {', '.join(TOKEN_FORMATS)}")
    seconds = resource.access_token_seconds
    if seconds is not None and not 1 <= seconds <= MAX_ACCESS_TOKEN_SECONDS:
        raise ResourceInvalid(f"access_token_seconds: 1 to {MAX_ACCESS_TOKEN_SECONDS}")
    if wrong := sorted(scope for scope in resource.scopes if not _SCOPE.fullmatch(scope)):
        raise ResourceInvalid(f"scopes: {wrong[0]!r} is not one word without quote and backslash")
    if taken := resource.scopes & (IDENTITY_SCOPES | {ACCOUNT_SCOPE}):
        raise ResourceInvalid(f"scopes: {', '.join(sorted(taken))} belongs to the issuer")
    return resource
