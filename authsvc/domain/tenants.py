"""A tenant is an issuer of its own: its users, clients, resources and keys are nobody else's."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from authsvc.domain.web_address import is_uri_text
from authsvc.errors import DomainError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_TENANT_PATH = re.compile(rf"/t/{_NAME.pattern}")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_MEANT_OTHERWISE = frozenset({".", "..", ".well-known"})
"""Segments that would not arrive as they are written, or already name documents."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class IssuerInvalid(DomainError):
    """The issuer is not a URL that can be one."""

    rule = "issuer_invalid"


class LookInvalid(DomainError):
    """The pages cannot look so; the detail says what to mend."""

    rule = "look_invalid"


REGISTRATION_OFF, REGISTRATION_BY_TOKEN, REGISTRATION_OPEN = "off", "token", "open"
CLIENT_REGISTRATION = (REGISTRATION_OFF, REGISTRATION_BY_TOKEN, REGISTRATION_OPEN)


MAX_LOGO_BYTES = 65_536
LOGO_TYPES = ("image/png", "image/svg+xml")
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_LOOK_NAME = 100
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Look:
    """What a tenant's pages look like. Colours as #rrggbb; `logo` is a PNG or SVG served by this server itself."""

    name: str | None = None
    accent: str | None = None
    accent_dark: str | None = None
    logo: bytes | None = field(default=None, repr=False)
    logo_type: str | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """One entry of the table of issuers; `issuer` never changes once used.

    `host` is the Host header (with port, lower case) that selects this tenant, or None when any host may;
    `path` is "" or "/t/<name>", within the service: what an issuer's path has before it is where the service is
    mounted, the same for all tenants. The default tenant answers hosts that no tenant lists. `client_registration`
    says who may register clients over HTTP: nobody, who has an initial access token, or everybody.
    """

    id: UUID
    name: str
    issuer: str
    host: str | None
    path: str
    is_default: bool
    created_at: datetime
    disabled_at: datetime | None = None
    look: Look = Look()
    client_registration: str = REGISTRATION_OFF


def check_look(look: Look) -> Look:
    """Return the look if pages can have it. Raises: LookInvalid."""
    if look.name is not None and not (0 < len(look.name) <= _MAX_LOOK_NAME and look.name.isprintable()):
        raise LookInvalid(f"the displayed name has 1 to {_MAX_LOOK_NAME} characters in one line")
    if any(colour is not None and not _COLOUR.fullmatch(colour) for colour in (look.accent, look.accent_dark)):
        raise LookInvalid("a colour is written #rrggbb")
    if (look.logo is None) != (look.logo_type is None):
        raise LookInvalid("a logo has a type")
    if look.logo is not None:
        fits = look.logo.startswith(_PNG) if look.logo_type == LOGO_TYPES[0] else b"<svg" in look.logo
        if look.logo_type not in LOGO_TYPES or not fits or len(look.logo) > MAX_LOGO_BYTES:
            raise LookInvalid(f"the logo is a PNG or SVG of at most {MAX_LOGO_BYTES} bytes")
    return look


def check_issuer(issuer: str) -> str:
    """Return `issuer` if it may name a tenant: https (http on loopback only), no query, no fragment, no trailing slash.

    Raises: IssuerInvalid with what to mend. Source: RFC 8414 §2.
    """
    try:
        parts, port = urlsplit(issuer), urlsplit(issuer).port
    except ValueError:
        raise IssuerInvalid("the issuer must be an https URL such as https://login.example.com") from None
    if not is_uri_text(issuer):
        raise IssuerInvalid("the issuer is a URL in plain ASCII, without spaces; other alphabets as xn--...")
    if port == 0 or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise IssuerInvalid("the issuer must be an https URL such as https://login.example.com")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise IssuerInvalid("the issuer must be https; plain http is for localhost only")
    if parts.query or parts.fragment or parts.username or "#" in issuer or "?" in issuer:
        raise IssuerInvalid("the issuer may have no query, fragment or user name")
    if parts.path and (not _PATH.fullmatch(parts.path) or _MEANT_OTHERWISE.intersection(parts.path.split("/"))):
        raise IssuerInvalid("the issuer's path must be empty or plain, such as /auth, with no trailing slash")
    return issuer


def issuer_parts(issuer: str) -> tuple[str, str]:
    """Return (host with port in lower case, path) of a checked issuer."""
    parts = urlsplit(issuer)
    return parts.netloc.lower(), parts.path


def new_tenant(name: str, issuer: str, now: datetime, default: Tenant | None) -> Tenant:
    """Return the tenant of an issuer; the first one, without a `default` before it, is the default.

    The issuer's host and path select it; on the default tenant's host the path alone, so that it, too, answers there
    under every name of that host. The default issuer's path is where the service is mounted. Raises: IssuerInvalid.
    """
    if not _NAME.fullmatch(name):
        raise IssuerInvalid("the tenant's name must be 1 to 63 of a-z 0-9 - and not begin with a hyphen")
    host, path = issuer_parts(check_issuer(issuer))
    base = path if default is None else issuer_parts(default.issuer)[1]
    if default is None and "t" in path.split("/"):
        raise IssuerInvalid("the default tenant's issuer must have no path /t/...: those are for the others")
    inner = path.removeprefix(base)
    if not path.startswith(base) or (inner and not _TENANT_PATH.fullmatch(inner)):
        raise IssuerInvalid(f"the issuer's path must be {base or 'empty'} or {base}/t/<name> (a-z, 0-9, -)")
    shares_host = default is None or issuer_parts(default.issuer)[0] == host
    return Tenant(
        id=uuid4(), name=name, issuer=issuer, host=None if shares_host else host, path=inner,
        is_default=default is None, created_at=now,
    )  # fmt: skip
