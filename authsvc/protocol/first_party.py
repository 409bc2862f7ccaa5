"""POST /login: a first-party app posts a person's name and password and gets tokens.

The same phases as the token endpoint, with the domain's password check as the grant. Only an administrator marks a
client first-party.
"""

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.content import Target
from authsvc.protocol.client_auth import authenticate_client
from authsvc.protocol.errors import UnauthorizedClient
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, Lane
from authsvc.protocol.sign_in import decide_by_password, store_sign_in
from authsvc.protocol.token import TokenRequest, run
from authsvc.protocol.tokens.issue import TokenAnswer


class _Login:
    """The grant of this endpoint; it has no grant_type at /token."""

    GRANT_TYPE = "login"
    PARAMETERS = frozenset({"username", "password"})
    LANE: Lane = "people"
    HASHES = True

    def check(self, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
        return decide_by_password(request, uow, issuing)

    def consume(
        self, decision: Decision, target: Target, request: GrantRequest, uow: UnitOfWork, issuing: Issuing
    ) -> str | None:
        return store_sign_in(decision, target, request, uow, issuing)


_LOGIN = _Login()


def login(request: TokenRequest, uow: UnitOfWork, issuing: Issuing) -> TokenAnswer:
    """Answer POST /login.

    Raises: InvalidClient, UnauthorizedClient, InvalidRequest, InvalidScope, InvalidTarget; BadCredentials,
    AccountDisabled, Throttled.
    """
    authenticated = authenticate_client(request, uow, issuing)
    client = authenticated.client
    if not client.first_party:
        raise UnauthorizedClient("this client is not first-party: it may not post passwords").about(client_id=client.id)
    return run(_LOGIN, authenticated, request, uow, issuing)
