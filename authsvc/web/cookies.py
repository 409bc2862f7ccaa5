"""The two cookies of a browser: of its sign-in, and of the browser itself before anybody has signed in.

Both hold random secrets of their kind, of which the server keeps hashes. They end with the browser, no script can read
them, and no other site's form carries them (SameSite=Lax). Each tenant has names of its own.
"""

from dataclasses import dataclass

from authsvc.crypto import opaque
from authsvc.domain.tenants import Tenant
from authsvc.web.request import Call
from authsvc.web.responses import Headers

_NAMES = {opaque.SESSION: "as-session", opaque.BROWSER: "as-browser"}


@dataclass(frozen=True, slots=True)
class Cookies:
    """What a browser presented for this tenant: well-formed secrets, not yet proved to be anybody's."""

    session: str | None = None
    browser: str | None = None

    @property
    def strongest(self) -> str | None:
        """The secret that ties a form to this browser: of the sign-in if there is one, else of the browser."""
        return self.session or self.browser

    @property
    def session_hash(self) -> str | None:
        """What the sign-in is found by."""
        return opaque.hash_secret(self.session) if self.session else None

    @property
    def browser_hash(self) -> str | None:
        """What a continuation is bound to."""
        return opaque.hash_secret(self.browser) if self.browser else None


def presented_cookies(call: Call) -> Cookies:
    """Return the browser's cookies; one that comes twice or is malformed counts as absent.

    Twice: with the names of an https issuer no other host can add one, elsewhere nobody could say which is ours.
    """
    found: dict[str, list[str]] = {}
    for name, value in call.request.headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, content = pair.strip().partition("=")
                found.setdefault(key, []).append(content)
    return Cookies(_one(found, call.tenant, opaque.SESSION), _one(found, call.tenant, opaque.BROWSER))


def with_browser(call: Call) -> tuple[Cookies, Headers]:
    """Return the browser's cookies, and what sets its own cookie if it had none yet."""
    cookies = presented_cookies(call)
    if cookies.browser is not None:
        return cookies, ()
    secret = opaque.new_secret(opaque.BROWSER)
    return Cookies(cookies.session, secret), set_cookies(call.tenant, Cookies(browser=secret))


def set_cookies(tenant: Tenant, cookies: Cookies) -> Headers:
    """Return the headers that set the cookies that are not None."""
    wanted = ((opaque.SESSION, cookies.session), (opaque.BROWSER, cookies.browser))
    return tuple(_header(tenant, kind, secret) for kind, secret in wanted if secret is not None)


def clear_cookies(tenant: Tenant) -> Headers:
    """Return the headers that make the browser forget both."""
    return tuple(_header(tenant, kind, "", "; Max-Age=0") for kind in _NAMES)


def cookie_name(tenant: Tenant, kind: str) -> str:
    """Return the cookie's name; `__Host-` keeps other hosts and paths from setting it, but needs https."""
    return f"{'__Host-' if _is_secure(tenant) else ''}{_NAMES[kind]}-{tenant.id.hex[:8]}"


def _header(tenant: Tenant, kind: str, value: str, ending: str = "") -> tuple[bytes, bytes]:
    secure = "; Secure" if _is_secure(tenant) else ""
    text = f"{cookie_name(tenant, kind)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{ending}"
    return b"set-cookie", text.encode()


def _one(found: dict[str, list[str]], tenant: Tenant, kind: str) -> str | None:
    values = found.get(cookie_name(tenant, kind), [])
    return values[0] if len(values) == 1 and opaque.is_well_formed(kind, values[0]) else None


def _is_secure(tenant: Tenant) -> bool:
    """An issuer without https is one on loopback (`check_issuer`)."""
    return tenant.issuer.startswith("https:")
