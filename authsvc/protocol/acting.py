"""Who acts for whom in an exchanged token: `may_act` is obeyed, `act` is built (RFC 8693 §4.1 and §4.4)."""

import json
from collections.abc import Mapping
from typing import Any

from authsvc.protocol.errors import InvalidRequest
from authsvc.protocol.grant import GrantRequest
from authsvc.protocol.subject_token import Judged, names_of

MAX_DEPTH = 5
"""Actors in one chain; each service that hands a token on adds one."""
MAX_CHARACTERS = 2_048
"""Of the whole chain as JSON: a token must fit into a header."""

_NO_IDENTITY = frozenset({"exp", "nbf", "iat", "aud", "jti"})
"""They mean nothing inside may_act and act (RFC 8693 §4.1, §4.4)."""


def check_actor(actor: Judged, request: GrantRequest) -> None:
    """Refuse an actor token that is not the requester's to present: neither for it, nor of it. Raises: InvalidRequest.

    Else whoever finds a token could name its subject as the one who acts.
    """
    names = names_of(request)
    is_for = actor.audiences is not None and not actor.audiences.isdisjoint(names)
    is_foreign = actor.issuer != request.tenant.issuer
    is_of = not is_foreign and request.client.id in (actor.subject, actor.client_id)
    if not is_for and not is_of:
        raise InvalidRequest("the actor token is not for this client", rule="exchange_actor_audience")


def check_may_act(subject: Judged, actor: Judged | None, request: GrantRequest) -> None:
    """Refuse an acting party that is not the one whom the subject token names in `may_act`. Raises: InvalidRequest.

    The acting party is the actor token's subject, without one the requester. Everything that is said of it there must
    be so; where no issuer is said, it is the subject token's.
    """
    if "may_act" not in subject.claims:
        return
    allowed = subject.claims["may_act"]
    if not isinstance(allowed, dict):
        raise InvalidRequest("may_act of the subject token is malformed", rule="exchange_may_act")
    identity = {name: value for name, value in allowed.items() if name not in _NO_IDENTITY}
    party = _party(actor, request)
    said = {"iss": subject.issuer, **identity}
    is_named = not identity.keys().isdisjoint({"sub", "client_id"})
    if not is_named or any(name not in party or value != party[name] for name, value in said.items()):
        raise InvalidRequest("the subject token lets another party act, not this one", rule="exchange_may_act")


def acting(subject: Judged, actor: Judged | None, request: GrantRequest) -> Mapping[str, Any] | None:
    """Return the claim `act` of the new token: the actor before those who acted already; None if nobody did.

    Without an actor (impersonation) the chain stays as it is. Raises: InvalidRequest if it is malformed, or too long.
    """
    chain = _chain(subject, request)
    if actor is not None:
        chain.insert(0, _named(actor, request))
    if len(chain) > MAX_DEPTH:
        raise InvalidRequest(f"at most {MAX_DEPTH} parties act for one another", rule="exchange_depth")
    act: dict[str, Any] | None = None
    for link in reversed(chain):
        act = link if act is None else {**link, "act": act}
    if len(json.dumps(act)) > MAX_CHARACTERS:
        raise InvalidRequest("act of the subject token is too large", rule="exchange_depth")
    return act


def _party(actor: Judged | None, request: GrantRequest) -> Mapping[str, str]:
    if actor is None:
        return {"iss": request.tenant.issuer, "sub": request.client.id, "client_id": request.client.id}
    party = {"iss": actor.issuer, "sub": actor.name}
    return party if actor.client_id is None else {**party, "client_id": actor.client_id}


def _named(actor: Judged, request: GrantRequest) -> dict[str, Any]:
    named = {"sub": actor.name}
    if actor.issuer != request.tenant.issuer:
        named["iss"] = actor.issuer
    if actor.client_id not in (None, actor.name):
        named["client_id"] = str(actor.client_id)
    return named


def _chain(subject: Judged, request: GrantRequest) -> list[dict[str, Any]]:
    """Return who acted already, the latest first; a foreign issuer's parties are told by its name."""
    links: list[dict[str, Any]] = []
    act = subject.claims.get("act")
    while act is not None and len(links) <= MAX_DEPTH:
        if not isinstance(act, dict):
            raise InvalidRequest("act of the subject token is malformed", rule="exchange_act")
        link = {name: value for name, value in act.items() if name != "act"}
        if not all(isinstance(value, str) for value in link.values()):
            # Identity claims are texts; whatever else could be too deep for those who write or read it after us.
            raise InvalidRequest("act of the subject token is malformed", rule="exchange_act")
        if subject.issuer != request.tenant.issuer and link.setdefault("iss", subject.issuer) == request.tenant.issuer:
            # In our own token it would be our word.
            raise InvalidRequest("only this server says that one of its own acted", rule="exchange_act")
        links.append(link)
        act = act.get("act")
    return links
