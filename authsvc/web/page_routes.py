"""The part of the URL map that people go through by themselves: signing up, a forgotten password, their own account."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from authsvc.errors import AuthsvcError
from authsvc.protocol.grant import Issuing
from authsvc.web.api.account import AccountApi
from authsvc.web.endpoint import Endpoint, Handler, Route
from authsvc.web.forms import Fields
from authsvc.web.pages.account import (
    apps,
    data,
    delete,
    email_confirm,
    keys,
    overview,
    password,
    profile,
    sessions,
    sign_in,
)
from authsvc.web.pages.account.email_confirm import EmailConfirm
from authsvc.web.pages.account.here import AccountPage, Desk, SignedIn
from authsvc.web.pages.forgot import ForgotPage, forgot_route
from authsvc.web.pages.outbox import Letters, outbox_handler
from authsvc.web.pages.register import RegisterPage
from authsvc.web.pages.register_confirm import RegisterConfirmPage
from authsvc.web.pages.reset import ResetPage
from authsvc.web.request import Call
from authsvc.web.responses import Response

_ACCOUNT = (overview, profile, sign_in, password, sessions, apps, keys, data, delete)
_HASHES = frozenset({sign_in.PAGE.name, password.PAGE.name, keys.PAGE.name, delete.PAGE.name})
"""Their forms may hold a password."""
PAGE_NAMES = (
    "ui_forgot", "ui_reset", "ui_register", "ui_register_confirm", "ui_email_confirm", "dev_outbox",
    *(f"ui_{module.PAGE.name.replace('/', '_').replace('-', '_')}" for module in _ACCOUNT),
)  # fmt: skip


def page_endpoints(api: AccountApi, issuing: Issuing) -> Mapping[str, Endpoint]:
    """Return the map of these pages, by their paths within the tenant's issuer."""
    urls = {
        "/ui/forgot": page_endpoint("ui_forgot", ForgotPage(api), forgot_route, api.wake_mail),
        "/ui/reset": page_endpoint("ui_reset", ResetPage(api), _hashing, api.wake_mail),
    }
    desk = Desk(api, issuing)
    confirm = EmailConfirm(email_confirm.PAGE, desk)
    urls["/ui/me/email/confirm"] = page_endpoint("ui_email_confirm", confirm, _on_people, api.wake_mail)
    for module in _ACCOUNT:
        urls[f"/ui/{module.PAGE.name}"] = _account_page(module.PAGE, desk)
    if issuing.signs_up:
        urls |= {
            "/ui/register": page_endpoint("ui_register", RegisterPage(api, issuing), _hashing, api.wake_mail),
            "/ui/register/confirm": page_endpoint(
                "ui_register_confirm", RegisterConfirmPage(api), _hashing, api.wake_mail
            ),
        }
    return urls


class Page(Protocol):
    """A page with a form: `refused` shows it again with what is wrong, or leaves that to the error page."""

    def get(self, call: Call) -> Response:
        """Show it."""

    def post(self, call: Call) -> Response:
        """Do what its form asks."""

    def refused(self, call: Call, error: AuthsvcError) -> Response | None:
        """Show the form again, or None."""


def outbox_endpoints(letters: Letters) -> Mapping[str, Endpoint]:
    """Return the row of the page that only `authsvc dev` has."""
    return {"/dev/outbox": Endpoint("dev_outbox", {"GET": outbox_handler(letters)}, _on_people, refusals="page")}


def _account_page(page: AccountPage, desk: Desk) -> Endpoint:
    name = f"ui_{page.name.replace('/', '_').replace('-', '_')}"
    found = page_endpoint(name, SignedIn(page, desk), _hashing if page.name in _HASHES else _on_people)
    handlers = found.handlers if page.act is not None else {"GET": found.handlers["GET"]}
    return replace(found, handlers=handlers, then=desk.api.wake_mail)


def page_endpoint(
    name: str, page: Page, route: Callable[[Fields], Route], then: Callable[[], None] | None = None
) -> Endpoint:
    """Return the row of a page."""
    handlers: dict[str, Handler] = {"GET": page.get, "POST": page.post}
    return Endpoint(name, handlers, route, refusals="page", refused=page.refused, then=then)


def _on_people(fields: Fields) -> Route:  # noqa: ARG001 - the lane does not depend on the request
    return Route("people")


def _hashing(fields: Fields) -> Route:
    """Only the form hashes a password."""
    return Route("people", hashes=bool(fields))
