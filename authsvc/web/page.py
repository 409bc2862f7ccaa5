"""How a page is made: one template in one language, a tenant's look, and the headers that let nothing else in.

Pages run no script and load nothing from elsewhere. Their one stylesheet stands in the page, allowed by its hash.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from authsvc.domain.tenants import Look, Tenant
from authsvc.web.colours import DARK_GROUNDS, LIGHT_GROUNDS, may_be_text, text_on
from authsvc.web.languages import LANGUAGES, Language, choose_language, translations
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Headers, Response

_HTML: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"referrer-policy", b"same-origin"),
    (b"vary", b"accept-language"),
    *NO_STORE,
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a page's content: status, further headers, the wished languages and where its form may lead.

    `leads_to` are redirect URIs that the errand may end at: browsers hold a form to its policy through redirects.
    `frames` are the origins of clients that the page shows in frames. `script` is the one that may run; its page may
    post anywhere, for it is there to leave.
    """

    status: int = 200
    headers: Headers = ()
    ui_locales: str = ""
    leads_to: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    script: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a page: the language, and the tenant whose page it is (None where none was found)."""

    language: Language
    tenant: Tenant | None


PLAIN = Frame()


def render(call: Call, template: str, context: Mapping[str, object], frame: Frame = PLAIN) -> Response:
    """Return the page. `template` is a name in web/templates, without its ending."""
    return render_for(reader_of(call, frame.ui_locales), template, context, frame)


def reader_of(call: Call, ui_locales: str = "") -> Reader:
    """Return who looks at the pages of this call."""
    return Reader(choose_language(ui_locales, accept_language(call.request.headers)), call.tenant)


def render_for(reader: Reader, template: str, context: Mapping[str, object], frame: Frame = PLAIN) -> Response:
    """As `render`, where there may be no tenant."""
    look = reader.tenant.look if reader.tenant else Look()
    css = _stylesheet(look.accent, look.accent_dark)
    shown = {
        "lang": reader.language.code,
        "dir": reader.language.direction,
        "css": css,
        "brand": look.name or (urlsplit(reader.tenant.issuer).netloc if reader.tenant else ""),
        "icon": logo_address(reader.tenant) if reader.tenant else None,
        "has_logo": look.logo is not None,
    }
    html = environment(reader.language.code).get_template(f"{template}.html").render(shown | dict(context))
    policy = (b"content-security-policy", content_policy(css, frame).encode())
    return Response(frame.status, (*_HTML, policy, *frame.headers), html.encode())


def content_policy(css: str, frame: Frame) -> str:
    """Return the Content-Security-Policy of a page with this stylesheet."""
    leaving = f"script-src {_hash(frame.script)}" if frame.script else f"form-action {_form_action(frame.leads_to)}"
    framed = f"frame-src {' '.join(frame.frames)}; " if frame.frames else ""
    return (
        f"default-src 'none'; style-src {_hash(css)}; img-src 'self'; {leaving}; "
        f"{framed}base-uri 'none'; frame-ancestors 'none'"
    )


def page_address(tenant: Tenant, name: str, flow: str = "") -> str:
    """Return the absolute address of a page, of the tenant's issuer alone."""
    return f"{tenant.issuer}/ui/{name}{f'?flow={flow}' if flow else ''}"


def see_other(address: str, headers: Headers = ()) -> Response:
    """Return 303 to an address of ours, which nobody may store."""
    return Response(303, ((b"location", address.encode()), (b"referrer-policy", b"same-origin"), *NO_STORE, *headers))


def logo_address(tenant: Tenant) -> str:
    """Return the path of the tenant's logo, which is also the icon of its pages; another logo has another address."""
    path = f"{urlsplit(tenant.issuer).path}/ui/logo"
    return path if tenant.look.logo is None else f"{path}?v={sha256(tenant.look.logo).hexdigest()[:16]}"


def accept_language(headers: tuple[tuple[bytes, bytes], ...]) -> str:
    """Return what the browser says of languages."""
    return ",".join(value.decode("latin-1") for name, value in headers if name == b"accept-language")


@lru_cache(len(LANGUAGES))
def environment(code: str) -> Environment:
    """Return the templates in one language."""
    found = Environment(
        loader=PackageLoader("authsvc.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    words = translations(code)
    found.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    return found


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _form_action(leads_to: tuple[str, ...]) -> str:
    """Browsers follow a form through every redirect: to the client, and to where that sends them on.

    So the scheme is what can be held to. Plain http is that of a loopback address (RFC 8252 §7.3).
    """
    schemes = {urlsplit(uri).scheme for uri in leads_to}
    if "http" in schemes:
        schemes.add("https")
    return " ".join(("'self'", *(f"{scheme}:" for scheme in sorted(schemes))))


@lru_cache(256)
def _stylesheet(accent: str | None, accent_dark: str | None) -> str:
    own = _accent(accent, LIGHT_GROUNDS)
    dark = _accent(accent_dark or accent, DARK_GROUNDS)
    css = environment("en").get_template("style.css").render()
    # Each in its own theme: what can be read on light pages must not be taken over by dark ones.
    if own:
        css += f"@media (prefers-color-scheme: light){{:root{{{own}}}}}\n"
    if dark:
        css += f"@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
    return css


def _accent(colour: str | None, grounds: tuple[str, ...]) -> str:
    if colour is None:
        return ""
    text = f"--link:{colour};" if may_be_text(colour, grounds) else ""
    return f"--accent:{colour};--on-accent:{text_on(colour)};{text}"
