"""Forms come back only from the browser, page and errand that they were made for.

The token is an HMAC under the browser's own cookie secret: nothing is stored, and who does not have the cookie cannot
make one. What browsers say of a request's origin is looked at besides.
"""

from urllib.parse import urlsplit

from authsvc.crypto.form_token import form_token, is_form_token
from authsvc.errors import AuthsvcError
from authsvc.web.cookies import Cookies, presented_cookies
from authsvc.web.request import Call

FIELD = "csrf"


class ForeignForm(AuthsvcError):
    """Another site sent this form."""

    rule = "foreign_form"


class FormOutdated(AuthsvcError):
    """The form's token is not of this browser, page and errand: it lay open while somebody signed in or out."""

    rule = "form_outdated"


def csrf_token(call: Call, cookies: Cookies, form: str, flow: str = "") -> str:
    """Return the token of the form named `form`, in the errand whose handle is `flow`; the browser has a cookie."""
    secret = cookies.strongest
    assert secret is not None  # noqa: S101 - whoever shows a form has called with_browser
    return form_token(secret, str(call.tenant.id), form, flow)


def check_csrf(call: Call, form: str, flow: str = "") -> None:
    """Accept only a form that this page served to this browser. Raises: ForeignForm, FormOutdated."""
    refuse_foreign_form(call)
    secret, presented = presented_cookies(call).strongest, call.request.fields.get(FIELD, ())
    if secret is None or len(presented) != 1:
        raise FormOutdated("no cookie or no token")
    if not is_form_token(presented[0], secret, str(call.tenant.id), form, flow):
        raise FormOutdated("the token is of another form, browser or errand")


def refuse_foreign_form(call: Call) -> None:
    """Refuse what a browser says another site has sent; silence is no refusal (old browsers). Raises: ForeignForm."""
    request, parts = call.request, urlsplit(call.tenant.issuer)
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    if site not in {None, "same-origin", "none"}:
        raise ForeignForm(f"sec-fetch-site {site}")
    if origin not in {None, f"{parts.scheme}://{parts.netloc}"}:
        raise ForeignForm("the origin is not the issuer's")
