"""What each letter says, in the language of its reader, as plain text and as HTML.

No letter repeats what a stranger typed (a name, a user name): else anyone could send any text to any address through
this server. Links are built from the tenant's issuer alone, never from a request. Opening one changes nothing, for
scanners of mail open them too: the page behind it asks first (docs/decisions/0007).
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from authsvc.domain.mail.outbox import Mail
from authsvc.domain.tenants import Tenant

_BODY = (
    "margin:0;padding:24px 12px;background:#f5f5f1;color:#23272b;"
    "font:16px/1.5 system-ui,'Segoe UI',Roboto,'Noto Sans',sans-serif"
)
_CARD = "max-width:544px;margin:0 auto;padding:28px;background:#ffffff;border:1px solid #dcddd7;border-radius:12px"
_TITLE = "font-size:22px;line-height:1.25;font-weight:600;margin:0 0 16px"
_QUIET = "color:#5a6169;font-size:14px;margin:0 0 8px;word-break:break-all"
_BUTTON = (
    "display:inline-block;padding:11px 18px;border-radius:7px;background:#1f5f95;color:#ffffff;"
    "font-weight:600;text-decoration:none"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language (gettext); `code` and `direction` as HTML names them."""

    code: str
    direction: str
    gettext: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes to whom, and in which language."""

    tenant: Tenant
    recipient: str
    wording: Wording

    @property
    def service(self) -> str:
        """What people call the service."""
        return self.tenant.look.name or urlsplit(self.tenant.issuer).netloc


def confirm_registration(head: Letterhead, secret: str, minutes: int) -> Mail:
    """The letter that makes a registration an account."""
    gettext = head.wording.gettext
    return _letter(
        head,
        gettext("Confirm your registration"),
        (
            gettext("Somebody, we hope you, registered an account with this address at %(service)s."),
            gettext("To choose its password and create it, open this link within %(minutes)s minutes:"),
            _Link("register/confirm", secret, gettext("Create the account")),
            gettext("If you are asked for the code instead, it is:"),
            _Code(secret),
            gettext("If it was not you, do nothing: no account will be created."),
        ),
        minutes,
    )


def already_registered(head: Letterhead) -> Mail:
    """The letter to someone whose address somebody tried to register again."""
    gettext = head.wording.gettext
    return _letter(
        head,
        gettext("You have an account already"),
        (
            gettext("Somebody, perhaps you, tried to register an account with this address at %(service)s."),
            gettext("You have an account there already: sign in with this address. Nothing was changed."),
            gettext("If it was not you, you need not do anything."),
        ),
    )


def confirm_address(head: Letterhead, secret: str, minutes: int) -> Mail:
    """The letter that makes an address the account's own."""
    gettext = head.wording.gettext
    return _letter(
        head,
        gettext("Confirm your address"),
        (
            gettext("An account at %(service)s wants to use this address."),
            gettext("If it is yours, sign in there and open this link within %(minutes)s minutes:"),
            _Link("me/email/confirm", secret, gettext("Confirm the address")),
            gettext("If you are asked for the code instead, it is:"),
            _Code(secret),
            gettext("If it was not you, do nothing: the address will not be used."),
        ),
        minutes,
    )


def address_removed(head: Letterhead) -> Mail:
    """The letter to the address that is the account's no longer."""
    gettext = head.wording.gettext
    return _letter(
        head,
        gettext("Your address was changed"),
        (
            gettext("Your account at %(service)s no longer uses this address."),
            gettext(
                "If it was not you, somebody else has access to your account: speak to the people who run the "
                "service at once."
            ),
        ),
    )


def password_changed(head: Letterhead) -> Mail:
    """The letter after a change of the password by who was signed in."""
    gettext = head.wording.gettext
    return _letter(
        head,
        gettext("Your password was changed"),
        (
            gettext("The password of your account at %(service)s was changed, and all other sign-ins were ended."),
            gettext(
                "If it was not you, somebody else has access to your account: speak to the people who run the "
                "service at once."
            ),
        ),
    )


def reset_password(head: Letterhead, secret: str, minutes: int) -> Mail:
    """The letter that lets somebody who has forgotten the password choose another."""
    gettext = head.wording.gettext
    return _letter(
        head,
        gettext("Choose a new password"),
        (
            gettext("Somebody, we hope you, has forgotten the password of your account at %(service)s."),
            gettext("To choose a new one, open this link within %(minutes)s minutes:"),
            _Link("reset", secret, gettext("Choose a new password")),
            gettext("If you are asked for the code instead, it is:"),
            _Code(secret),
            gettext("If it was not you, do nothing: your password stays as it is."),
        ),
        minutes,
    )


def password_reset(head: Letterhead) -> Mail:
    """The letter after a new password was chosen by a mailed link."""
    gettext = head.wording.gettext
    return _letter(
        head,
        gettext("Your password was changed"),
        (
            gettext(
                "A new password was chosen for your account at %(service)s, by the link that was sent to this "
                "address. All sign-ins were ended, and all API keys revoked."
            ),
            gettext("If it was not you, somebody else reads your mail: change its password first, then this one."),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Link:
    """A page of the issuer that takes the secret; `label` is what a person does there."""

    page: str
    secret: str
    label: str


@dataclass(frozen=True, slots=True)
class _Code:
    code: str


_Paragraph = str | _Link | _Code


def _letter(head: Letterhead, subject: str, paragraphs: tuple[_Paragraph, ...], minutes: int = 0) -> Mail:
    values = {"service": head.service, "minutes": minutes}
    filled = [part % values if isinstance(part, str) else part for part in paragraphs]
    text = "\n\n".join([*(_plain(head, part) for part in filled), head.tenant.issuer]) + "\n"
    content = "".join(f"<p>{_html(head, part)}</p>" for part in filled)
    html = (
        f'<!doctype html><html lang="{head.wording.code}" dir="{head.wording.direction}"><head><meta charset="utf-8">'
        f'<title>{escape(subject)}</title></head><body style="{_BODY}"><div style="{_CARD}">'
        f'<h1 style="{_TITLE}">{escape(subject)}</h1>{content}'
        f'<p style="{_QUIET}"><bdi>{escape(head.service)}</bdi><br><bdi>{escape(head.tenant.issuer)}</bdi></p>'
        "</div></body></html>\n"
    )
    return Mail(head.recipient, subject, text, html)


def _plain(head: Letterhead, part: _Paragraph) -> str:
    if isinstance(part, _Link):
        return _address(head, part)
    return part.code if isinstance(part, _Code) else part


def _html(head: Letterhead, part: _Paragraph) -> str:
    text = escape(_plain(head, part))
    if isinstance(part, _Link):
        return f'<a href="{text}" style="{_BUTTON}">{escape(part.label)}</a></p><p style="{_QUIET}"><bdi>{text}</bdi>'
    return f"<code><bdi>{text}</bdi></code>" if isinstance(part, _Code) else text


def _address(head: Letterhead, link: _Link) -> str:
    return f"{head.tenant.issuer}/ui/{link.page}?token={link.secret}"
