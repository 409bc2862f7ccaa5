"""The whole URL map on one screen. Paths are relative to the tenant's issuer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute

from authsvc.protocol.grant import Issuing
from authsvc.protocol.register import Registering
from authsvc.web.api import health
from authsvc.web.api.logout import logout_handler
from authsvc.web.body import FORM, JSON
from authsvc.web.endpoint import Endpoint, LaneName, Route
from authsvc.web.forms import Fields
from authsvc.web.oauth.authorize import authorize_handlers, continue_handler
from authsvc.web.oauth.documents import jwks_handler, metadata_handler
from authsvc.web.oauth.introspect import introspect_handler
from authsvc.web.oauth.register import registration_handlers
from authsvc.web.oauth.revoke import revoke_handler
from authsvc.web.oauth.token import login_handler, login_route, token_handler, token_route
from authsvc.web.oauth.userinfo import userinfo_handler
from authsvc.web.page_routes import PAGE_NAMES, page_endpoint
from authsvc.web.pages.consent import ConsentPage
from authsvc.web.pages.docs import describing, docs_handler, openapi_handler
from authsvc.web.pages.login import LoginPage
from authsvc.web.pages.logo import logo_handler
from authsvc.web.pages.logout import LogoutPage
from authsvc.web.pages.select_account import SelectAccountPage

BOTH = (JSON, FORM)
ENDPOINT_NAMES = (
    "authorize", "token", "introspect", "revoke", "userinfo", "connect_register", "jwks", "metadata", "login", "logout",
    "live", "ready", "openapi", "docs", "ui_consent", "ui_continue", "ui_login", "ui_logo", "ui_logout",
    "ui_select_account", "connect_logout", "admin_users_import", *PAGE_NAMES,
)  # fmt: skip
"""For the metrics; those of declared endpoints are added in `app.py`."""


@dataclass(frozen=True, slots=True)
class Process:
    """What endpoints ask of the process: whether it can answer, and to tell clients of sessions that have ended."""

    check_ready: Callable[[], None]
    tell_clients: Callable[[], None]


def endpoints(  # noqa: PLR0913 - the composition root names each part
    issuing: Issuing,
    registering: Registering,
    jwks_max_age_seconds: int,
    process: Process,
    pages: Mapping[str, Endpoint],
    declared: Sequence[BaseRoute],
) -> Mapping[str, Endpoint]:
    """Return the map of the hot endpoints. The JSON API that FastAPI declares is in `web/api/` (see `app.py`).

    `pages` are those of web/page_routes.py; `declared` are the application's routes, which the description of the
    service covers too.
    """
    documents = {"GET": metadata_handler(jwks_max_age_seconds, signs_up=issuing.signs_up)}
    about_person = userinfo_handler(issuing.keyring)
    urls: dict[str, Endpoint] = {}
    describe = describing(urls, declared)
    urls |= {
        "/authorize": Endpoint("authorize", authorize_handlers(issuing), _on("machine"), refusals="page"),
        "/ui/continue": Endpoint("ui_continue", {"GET": continue_handler(issuing)}, _on("machine"), refusals="page"),
        "/token": Endpoint("token", {"POST": token_handler(issuing)}, token_route),
        "/introspect": Endpoint("introspect", {"POST": introspect_handler(issuing)}, _on("machine")),
        "/revoke": Endpoint("revoke", {"POST": revoke_handler(issuing)}, _on("machine")),
        "/userinfo": Endpoint("userinfo", {"GET": about_person, "POST": about_person}, _on("machine")),
        "/connect/register": Endpoint(
            "connect_register", registration_handlers(registering), _on("machine"), (JSON,), nested=True
        ),
        "/jwks": Endpoint("jwks", {"GET": jwks_handler(issuing.keyring, jwks_max_age_seconds)}, _on("memory")),
        "/.well-known/oauth-authorization-server": Endpoint("metadata", documents, _on("memory")),
        "/.well-known/openid-configuration": Endpoint("metadata", documents, _on("memory")),
        "/login": Endpoint("login", {"POST": login_handler(issuing)}, login_route, BOTH, refusals="api"),
        "/logout": Endpoint(
            "logout", {"POST": logout_handler(issuing)}, _on("people"), BOTH, refusals="api", then=process.tell_clients
        ),
        "/health/live": Endpoint("live", {"GET": health.live}, _on("memory"), refusals="api"),
        "/health/ready": Endpoint(
            "ready", {"GET": health.ready_handler(process.check_ready)}, _on("machine", first=True), refusals="api"
        ),
        "/openapi.json": Endpoint("openapi", {"GET": openapi_handler(describe)}, _on("machine"), refusals="api"),
        "/docs": Endpoint("docs", {"GET": docs_handler(describe)}, _on("machine"), refusals="api"),
        "/ui/login": page_endpoint("ui_login", LoginPage(issuing, _login_links(issuing)), _login_page_route),
        "/ui/consent": page_endpoint("ui_consent", ConsentPage(issuing), _on("people")),
        "/ui/select-account": page_endpoint("ui_select_account", SelectAccountPage(issuing), _on("people")),
        "/ui/logo": Endpoint("ui_logo", {"GET": logo_handler}, _on("machine"), refusals="page"),
        **_logout_pages(issuing, process.tell_clients),
        **pages,
    }
    return urls


def _login_links(issuing: Issuing) -> frozenset[str]:
    return frozenset({"forgot", "register"} if issuing.signs_up else {"forgot"})


def _login_page_route(fields: Fields) -> Route:
    """The form itself hashes nothing: it must not wait for those who sign in."""
    return login_route(fields) if fields else Route("people")


def _logout_pages(issuing: Issuing, wake: Callable[[], None]) -> Mapping[str, Endpoint]:
    page, lane = LogoutPage(issuing), _on("people")
    return {
        "/connect/logout": Endpoint(
            "connect_logout", {"GET": page.asked, "POST": page.asked}, lane, refusals="page", then=wake
        ),
        "/ui/logout": Endpoint(
            "ui_logout", {"GET": page.get, "POST": page.post}, lane, refusals="page", refused=page.refused, then=wake
        ),
    }


def _on(lane: LaneName, *, first: bool = False) -> Callable[[Fields], Route]:
    route = Route(lane, first=first)

    def fixed(fields: Fields) -> Route:  # noqa: ARG001 - the lane does not depend on the request
        return route

    return fixed
