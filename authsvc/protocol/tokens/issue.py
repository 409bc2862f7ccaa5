"""The only mint: turns a decision and a target into the token answer (RFC 6749 §5.1)."""

from dataclasses import dataclass, field

from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens import Target
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.grant import Decision, GrantRequest, Issuing
from authsvc.protocol.tokens.access_token import sign_access_token
from authsvc.protocol.tokens.id_token import sign_id_token


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """The successful answer; `expires_in` in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    refresh_token: str | None = field(repr=False)
    id_token: str | None = field(repr=False)


def mint(
    decision: Decision, target: Target, refresh_token: str | None, request: GrantRequest, uow: UnitOfWork,
    issuing: Issuing,
) -> TokenAnswer:  # fmt: skip
    """Sign what was decided. Keys are opened once a process, so this is one signature, or two with an ID token."""
    key = issuing.keyring.signing_key(target.algorithm, uow, request.now)
    access_token = sign_access_token(
        request.tenant.issuer, decision.subject, request.client.id, target, decision.sign_in, key, request.now
    )
    return TokenAnswer(
        access_token=access_token,
        expires_in=target.lifetime_seconds,
        scope=" ".join(sorted(target.scopes)),
        refresh_token=refresh_token,
        id_token=_id_token(decision, target, access_token, request, uow, issuing),
    )


def _id_token(
    decision: Decision, target: Target, access_token: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing
) -> str | None:
    sign_in = decision.sign_in
    if sign_in is None or "openid" not in target.scopes:
        return None
    user = decision.proved.user if decision.proved else uow.users.get(sign_in.user_id)
    if user is None:
        raise InvalidGrant("the account is gone", rule="account_gone")
    key = issuing.keyring.signing_key(request.client.id_token_algorithm, uow, request.now)
    return sign_id_token(
        request.tenant.issuer, request.client.id, user, sign_in, target.scopes, access_token, key,
        issuing.lifetimes.id_token, request.now,
    )  # fmt: skip
