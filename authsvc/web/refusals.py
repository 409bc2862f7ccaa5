"""The three forms of a refusal: RFC 6749 error JSON, a problem of RFC 9457, a page."""

from dataclasses import dataclass
from typing import Literal

from authsvc.domain.tenants import Tenant
from authsvc.errors import AuthsvcError
from authsvc.protocol.authorize import respond
from authsvc.protocol.errors import ProtocolError
from authsvc.web.error_page import error_page
from authsvc.web.errors import api_problem, oauth_error
from authsvc.web.front_channel import to_client
from authsvc.web.languages import choose_language
from authsvc.web.page import Reader
from authsvc.web.responses import Response

RefusalForm = Literal["oauth", "api", "page"]


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a refusal is told: the request's id, its tenant once found, the languages its browser asks for."""

    request_id: str
    tenant: Tenant | None = None
    accept_language: str = ""


def refusal(form: RefusalForm, error: AuthsvcError, told: Told) -> Response:
    """Return the answer; one that the client is to be told, the browser carries there."""
    reader = Reader(choose_language("", told.accept_language), told.tenant)
    if isinstance(error, ProtocolError) and error.way_back is not None:
        return to_client(respond.refusal(error, error.way_back), error.way_back, reader)
    if form == "page":
        return error_page(error, reader, told.request_id)
    issuer = told.tenant.issuer if told.tenant else ""
    return (oauth_error if form == "oauth" else api_problem)(error, issuer, told.request_id)
