"""Scope and audience: what was asked for, narrowed to what may be given (RFC 6749 §3.3, RFC 8707)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES, Resource
from authsvc.domain.tokens.content import Target
from authsvc.protocol.errors import InvalidScope, InvalidTarget

MAX_SCOPE_CHARACTERS = 4_096
MAX_SCOPES = 100
MAX_RESOURCES = 10
DEFAULT_ALGORITHM = "ES256"
_OF_PEOPLE = IDENTITY_SCOPES | {ACCOUNT_SCOPE}
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that may be given, and the defaults: `issuer` is the audience of the issuer's own API."""

    issuer: str
    scopes: frozenset[str]
    resources: frozenset[str]
    lifetime_seconds: int
    has_person: bool


def parse_scope(scope: str | None) -> frozenset[str] | None:
    """Return the scope tokens, None when there is no parameter. Raises: InvalidScope. Source: RFC 6749 §3.3."""
    if scope is None:
        return None
    if len(scope) > MAX_SCOPE_CHARACTERS or not _SCOPE.fullmatch(scope):
        raise InvalidScope("scope is a list of names separated by single spaces")
    names = frozenset(scope.split(" "))
    if len(names) > MAX_SCOPES:
        raise InvalidScope(f"at most {MAX_SCOPES} scopes")
    return names


@lru_cache(maxsize=1_024)
def narrow(
    requested: frozenset[str] | None, named: tuple[str, ...], bounds: Bounds, registered: tuple[Resource, ...]
) -> Target:
    """Return where the token may be used and what for.

    Resources that the request names must be registered and allowed; without a name the requested scopes choose them.
    A token for the account API is for the issuer alone, so that no API can turn it against its owner. A client that
    asks for itself gets no scope that speaks of a person.
    Raises: InvalidScope, InvalidTarget. Source: RFC 8707 §2.
    """
    allowed = bounds.scopes if bounds.has_person else bounds.scopes - _OF_PEOPLE
    if requested is not None and (unknown := requested - allowed):
        raise InvalidScope(f"not allowed for this client or grant: {_listed(unknown)}")
    usable = {item.audience: item for item in registered if item.audience in bounds.resources and not item.disabled_at}
    wanted = _default_scopes(allowed, named, bounds.issuer) if requested is None else requested
    if bounds.has_person and (ACCOUNT_SCOPE in wanted or bounds.issuer in named):
        return _account_target(wanted, named, bounds)
    targets = _named(named, usable) if named else _chosen_by_scope(wanted, usable)
    owned = frozenset[str]().union(*(target.scopes for target in targets))
    if foreign := wanted - owned - IDENTITY_SCOPES:
        if requested is not None:
            raise InvalidScope(f"belongs to none of the resources: {_listed(foreign)}")
        if not targets:
            raise InvalidTarget("none of the resources can be used: unknown, disabled or not for this client")
        wanted -= foreign
    if not targets:
        targets = _fallback(bounds, usable)
    if not targets:
        return Target((bounds.issuer,), wanted, bounds.lifetime_seconds, DEFAULT_ALGORITHM)
    return _target(targets, wanted, bounds)


def _default_scopes(allowed: frozenset[str], named: tuple[str, ...], issuer: str) -> frozenset[str]:
    """Return what a request without a scope asks for: the account API only where nothing else can be meant."""
    if issuer in named:
        return allowed & _OF_PEOPLE
    for_resources = allowed - {ACCOUNT_SCOPE}
    if named or for_resources - IDENTITY_SCOPES:
        return for_resources
    return allowed


def _account_target(wanted: frozenset[str], named: tuple[str, ...], bounds: Bounds) -> Target:
    if any(name != bounds.issuer for name in named) or wanted - IDENTITY_SCOPES - {ACCOUNT_SCOPE}:
        raise InvalidScope("account goes with no other resource: ask for it in a request of its own")
    return Target((bounds.issuer,), wanted, bounds.lifetime_seconds, DEFAULT_ALGORITHM)


def _named(named: tuple[str, ...], usable: dict[str, Resource]) -> list[Resource]:
    if len(named) > MAX_RESOURCES:
        raise InvalidTarget(f"at most {MAX_RESOURCES} resources")
    unknown = [name for name in named if name not in usable]
    if unknown:
        raise InvalidTarget("the resource is unknown or not for this client", detail=f"resource {unknown[0]!r}")
    return [usable[name] for name in dict.fromkeys(named)]


def _chosen_by_scope(wanted: frozenset[str], usable: dict[str, Resource]) -> list[Resource]:
    chosen: dict[str, Resource] = {}
    for name in wanted - IDENTITY_SCOPES:
        owners = [item for item in usable.values() if name in item.scopes]
        if len(owners) > 1:
            raise InvalidTarget("several resources have such a scope: name the resource", detail=name)
        chosen.update((item.audience, item) for item in owners)
    return [chosen[audience] for audience in sorted(chosen)]


def _fallback(bounds: Bounds, usable: dict[str, Resource]) -> list[Resource]:
    if bounds.has_person:
        return []
    if len(usable) != 1:
        raise InvalidTarget("name the resource that the token is for")
    return list(usable.values())


def _target(targets: list[Resource], wanted: frozenset[str], bounds: Bounds) -> Target:
    algorithms = {target.algorithm for target in targets}
    formats = {target.token_format for target in targets}
    if len(algorithms) > 1 or len(formats) > 1:
        raise InvalidTarget("these resources want different algorithms or formats: ask for a token for each")
    seconds = min(target.access_token_seconds or bounds.lifetime_seconds for target in targets)
    return Target(tuple(target.audience for target in targets), wanted, seconds, algorithms.pop(), formats.pop())


def _listed(names: Iterable[str]) -> str:
    return " ".join(sorted(names))
