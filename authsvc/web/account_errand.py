"""The errand of a person who came by themselves: to see their account."""

from datetime import timedelta

from authsvc.crypto import opaque
from authsvc.domain.sign_in.continuations import ACCOUNT, Continuation
from authsvc.protocol.grant import Issuing
from authsvc.web.cookies import with_browser
from authsvc.web.flow import CONTINUE
from authsvc.web.page import page_address, see_other
from authsvc.web.request import Call
from authsvc.web.responses import Response


def begin_account_errand(call: Call, issuing: Issuing, page: str = CONTINUE) -> Response:
    """Begin a visit to the account in this browser, and send it on: to sign in, or to the page where one signs up."""
    cookies, news = with_browser(call)
    handle, now = opaque.new_secret(opaque.CONTINUATION), call.request.now
    call.uow.begin()
    call.uow.continuations.add(
        Continuation(
            handle_hash=opaque.hash_secret(handle),
            browser_hash=cookies.browser_hash,
            purpose=ACCOUNT,
            client_id=None,
            parameters={},
            created_at=now,
            expires_at=now + timedelta(seconds=issuing.lifetimes.continuation),
        )
    )
    return see_other(page_address(call.tenant, page, handle), news)
