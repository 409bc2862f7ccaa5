"""A token for another one (RFC 8693): closed, but for the doors that the client's exchange policies open.

Everything is decided from the two tokens and the policies; an exchange between JWTs of our own writes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from authsvc.domain.parties.resources import JWT as JWT_FORMAT
from authsvc.domain.parties.resources import Resource
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.content import Origin, Target
from authsvc.domain.tokens.exchange import DELEGATION, IMPERSONATION, ExchangePolicy
from authsvc.protocol.acting import acting, check_actor, check_may_act
from authsvc.protocol.api_keys import record_use
from authsvc.protocol.errors import InvalidRequest, InvalidScope, InvalidTarget, UnauthorizedClient
from authsvc.protocol.grant import Decision, GrantRequest, Issuing, Lane
from authsvc.protocol.subject_token import ACCESS_TOKEN, JWT, Judged, judge, names_of
from authsvc.protocol.trusted_token import store_session

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
PARAMETERS = frozenset(
    {"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type", "audience"}
)
MAX_CLIENTS_BEHIND = 10
"""Clients whose tokens led to one token, one exchange after another: each is asked for whenever the token is."""
LANE: Lane = "machine"
HASHES = False


def check(request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Decision:
    """Decide who may have which token of whom. Reads only.

    Raises: InvalidRequest for what is wrong with the request or its tokens, InvalidTarget, InvalidScope,
    UnauthorizedClient, FetchBusy. Source: RFC 8693 §2.1, §2.2.2.
    """
    if request.client.is_public:
        # Who stole a token could call itself by the name of a public client.
        raise UnauthorizedClient("token exchange is for confidential clients")
    _check_form(request)
    if not request.client.exchanges:
        raise InvalidRequest("this client may exchange no tokens", rule="exchange_policy")
    subject = _judged("subject_token", request, uow, issuing)
    actor = _judged("actor_token", request, uow, issuing) if "actor_token" in request.parameters else None
    if actor is not None:
        check_actor(actor, request)
    check_may_act(subject, actor, request)
    doors = _doors(subject, actor, request)
    resource = _target(doors, subject, request, uow)
    return Decision(
        subject=subject.subject,
        scopes=_scopes(doors, subject, resource),
        resources=frozenset({resource.audience}),
        sign_in=subject.sign_in,
        trusted_word=subject.trusted_word,
        api_key=subject.api_key,
        audience=resource.audience,
        actor=acting(subject, actor, request),
        expires_at=subject.expires_at if actor is None else min(subject.expires_at, actor.expires_at),
        issued_token_type=_issued_type(resource, request),
        origin=_origin(subject, actor, request),
    )


def consume(
    decision: Decision,
    target: Target,
    request: GrantRequest,
    uow: UnitOfWork,
    issuing: Issuing,
) -> str | None:
    """Store what strangers' tokens and API keys leave behind; never a refresh token."""
    if decision.trusted_word is not None:
        store_session(decision, target, request, uow)
    if decision.api_key is not None:
        record_use(decision.api_key, uow, request.now)
    return None


def _check_form(request: GrantRequest) -> None:
    given = request.parameters.keys()
    for name in ("subject_token", "subject_token_type"):
        if name not in given:
            raise InvalidRequest(f"{name} is required")
    if ("actor_token" in given) != ("actor_token_type" in given):
        raise InvalidRequest("actor_token and actor_token_type go together")
    if request.parameters.get("requested_token_type", ACCESS_TOKEN) not in (ACCESS_TOKEN, JWT):
        raise InvalidRequest("requested_token_type is that of access tokens or of JWTs")
    if len(set(request.resources)) > 1:
        raise InvalidTarget("name one target: each token is for one service")


def _judged(which: str, request: GrantRequest, uow: UnitOfWork, issuing: Issuing) -> Judged:
    return judge(request.parameters[which], request.parameters[f"{which}_type"], request, uow, issuing)


def _doors(subject: Judged, actor: Judged | None, request: GrantRequest) -> tuple[ExchangePolicy, ...]:
    """Return the policies that cover this token, whatever the target."""
    mode = IMPERSONATION if actor is None else DELEGATION
    covering = [policy for policy in request.client.exchanges if policy.covers(subject.whose, mode)]
    if not covering:
        raise InvalidRequest("this client may not exchange such a token so", rule="exchange_policy")
    is_for_requester = subject.is_for(names_of(request))
    doors = tuple(policy for policy in covering if is_for_requester or policy.any_audience)
    if not doors:
        raise InvalidRequest("the subject token is not for this client", rule="exchange_audience")
    return doors


def _target(doors: Sequence[ExchangePolicy], subject: Judged, request: GrantRequest, uow: UnitOfWork) -> Resource:
    """Return the one resource that the new token is for: the named one, else the only one there is a door to."""
    allowed = {policy.audience for policy in doors}
    if subject.api_key is not None:
        allowed &= subject.api_key.resources
    named = allowed.intersection(request.resources) if request.resources else allowed
    if len(named) != 1:
        raise InvalidTarget("name the target that this client may exchange such a token for", rule="exchange_target")
    (audience,) = named
    for resource in uow.resources.list():
        # The issuer's own API is no resource, and never a target: what it lets do, only a sign-in lets do.
        if resource.audience == audience != request.tenant.issuer and resource.disabled_at is None:
            return resource
    raise InvalidTarget("the target is unknown or disabled", rule="exchange_target_gone")


def _scopes(doors: Sequence[ExchangePolicy], subject: Judged, resource: Resource) -> frozenset[str]:
    """Return the most that may be given: what the doors to this target make of the subject's scopes, and it has."""
    here = [policy for policy in doors if policy.audience == resource.audience]
    given = frozenset[str]().union(*(policy.given_for(subject.scopes) for policy in here)) & resource.scopes
    if not given and all(policy.scopes for policy in here):
        raise InvalidScope("the scopes of the subject token become none at this target", rule="exchange_scope")
    return given


def _origin(subject: Judged, actor: Judged | None, request: GrantRequest) -> Origin:
    """Return what the new token ends with: what the subject token came of, and the actor's clients.

    Raises: InvalidRequest if tokens of too many clients stand behind it.
    """
    actors = actor.origin.client_ids if actor is not None else frozenset()
    clients = (subject.origin.client_ids | actors) - {request.client.id}
    if len(clients) > MAX_CLIENTS_BEHIND:
        raise InvalidRequest(f"at most {MAX_CLIENTS_BEHIND} clients stand behind a token", rule="exchange_depth")
    return replace(subject.origin, client_ids=clients)


def _issued_type(resource: Resource, request: GrantRequest) -> str:
    wanted = request.parameters.get("requested_token_type", ACCESS_TOKEN)
    if wanted == JWT and resource.token_format != JWT_FORMAT:
        raise InvalidRequest("tokens for this target are no JWTs", rule="exchange_token_type")
    return wanted
