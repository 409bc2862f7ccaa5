"""What stands between an installation and a document: a list of changes, in the order in which they can be made."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from authsvc.domain.configuration.document import TenantState, Wanted, WantedTenant, registered_itself, tenant_told
from authsvc.domain.configuration.kinds import CLIENT, KINDS, Kind, kept, party_kept, told
from authsvc.domain.configuration.plain import ConfigurationInvalid, Table
from authsvc.domain.configuration.secrets import given_secrets
from authsvc.domain.parties.clients import Client, Seal, secrets_kept
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.tenants import Tenant, new_tenant

TENANT = "tenant"


class Verb(Enum):
    """What is done to an object. LEFT: it differs from the document, which does not say that it should be changed."""

    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"
    LEFT = "="


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after; `kind` is None for the tenant itself. A tenant is never removed, but disabled."""

    verb: Verb
    kind: Kind | None
    name: str
    before: Any = field(default=None, repr=False)
    after: Any = field(default=None, repr=False)
    members: tuple[tuple[str, Any, Any], ...] = ()
    """Each with what it was and what it becomes."""

    @property
    def word(self) -> str:
        """Return what people call it."""
        return TENANT if self.kind is None else self.kind.word


@dataclass(frozen=True, slots=True)
class TenantChanges:
    """What is to be done in one tenant: `before` is as it is (empty if it is new), `after` as it becomes."""

    before: TenantState
    after: TenantState
    changes: tuple[Change, ...]

    @property
    def made(self) -> tuple[Change, ...]:
        """Return the changes that are more than a remark."""
        return tuple(change for change in self.changes if change.verb is not Verb.LEFT)


@dataclass(frozen=True, slots=True)
class Means:
    """What is needed besides: the time, how each tenant encrypts secrets, whether what is not named goes."""

    now: datetime
    sealing: Callable[[UUID], Seal]
    prune: bool = False


def compare(states: Iterable[TenantState], wanted: Iterable[WantedTenant], means: Means) -> tuple[TenantChanges, ...]:
    """Return what must change in every tenant. Raises: ConfigurationInvalid, IssuerInvalid."""
    there = {state.tenant.name: state for state in states}
    default = next(state.tenant for state in there.values() if state.tenant.is_default)
    found = {each.name: _tenant_changes(there.get(each.name), each, default, means) for each in wanted}
    for name in there.keys() - found.keys():
        found[name] = _unnamed(there[name], means)
    return tuple(found[name] for name in sorted(found))


def _tenant_changes(before: TenantState | None, wanted: WantedTenant, default: Tenant, means: Means) -> TenantChanges:
    tenant = _wanted_tenant(None if before is None else before.tenant, wanted, default, means.now)
    if before is None:
        made = Change(Verb.ADD, None, wanted.name, None, tenant, (("issuer", None, tenant.issuer), *_set(tenant)))
        before, changes = TenantState(tenant), [made]
    else:
        changes = list(_changed(None, wanted.name, before.tenant, tenant, said=wanted.disabled is not None))
    for kind in KINDS:
        changes += _objects(kind, before.of(kind), wanted.objects[kind.word], means, tenant.id)
    return TenantChanges(before, _after(before, tenant, changes), tuple(changes))


def _wanted_tenant(current: Tenant | None, wanted: WantedTenant, default: Tenant, now: datetime) -> Tenant:
    if current is None:
        if wanted.issuer is None:
            raise ConfigurationInvalid(f"tenants.{wanted.name} is new: it needs an issuer")
        current = new_tenant(wanted.name, wanted.issuer, now, default)
    if wanted.issuer not in (None, current.issuer):
        raise ConfigurationInvalid(f"tenants.{wanted.name}.issuer is {current.issuer}, and never changes")
    if wanted.disabled and current.is_default:
        raise ConfigurationInvalid(f"tenants.{wanted.name}: the default tenant cannot be disabled")
    disabled_at = _disabled_at(current.disabled_at, now, wanted=wanted.disabled)
    return replace(current, look=wanted.look, client_registration=wanted.client_registration, disabled_at=disabled_at)


def _objects(
    kind: Kind, there: Mapping[str, Any], wanted: Mapping[str, Wanted], means: Means, tenant_id: UUID
) -> Iterator[Change]:
    for name, each in wanted.items():
        current = there.get(name)
        after = _settled(kind, each, current, means, tenant_id)
        if current is None:
            yield Change(Verb.ADD, kind, name, None, after, tuple(_differing(kind, kind.blank(name, means.now), after)))
        else:
            yield from _changed(kind, name, current, after, said=each.disabled is not None)
    for name in sorted(there.keys() - wanted.keys()):
        if not (kind is CLIENT and registered_itself(there[name])):
            yield Change(Verb.REMOVE if means.prune else Verb.LEFT, kind, name, there[name])


def _settled(kind: Kind, wanted: Wanted, current: Any, means: Means, tenant_id: UUID) -> Any:  # noqa: ANN401
    """Return the object as it becomes: as wanted, with what is no configuration as it is."""
    value = wanted.value
    if current is not None:
        value = replace(value, **kept(kind, current))
    value = replace(value, disabled_at=_disabled_at(value.disabled_at, means.now, wanted=wanted.disabled))
    if not isinstance(value, Client):
        return value
    client = _with_what_stays(value, current)
    if wanted.secrets is None:
        return client
    return replace(client, secrets=given_secrets(client, wanted.secrets, means.now, means.sealing(tenant_id)))


def _with_what_stays(value: Client, current: Client | None) -> Client:
    if current is None:
        return value
    party = RelyingParty(**party_kept(value.relying_party, current.relying_party))
    return replace(value, secrets=secrets_kept(current, value.auth_method), relying_party=party)


def _disabled_at(current: datetime | None, now: datetime, *, wanted: bool | None) -> datetime | None:
    """Who says nothing enables nobody: what an administrator has switched off in an emergency stays off."""
    if wanted is None:
        return current
    return (current or now) if wanted else None


def _changed(kind: Kind | None, name: str, before: Any, after: Any, *, said: bool) -> Iterator[Change]:  # noqa: ANN401
    members = tuple(_differing(kind, before, after))
    if members:
        yield Change(Verb.CHANGE, kind, name, before, after, members)
    if after.disabled_at is not None and not said:
        yield Change(Verb.LEFT, kind, name, before, after)


def _differing(kind: Kind | None, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401
    old, new = (_told(kind, value) for value in (before, after))
    for name, value in new.items():
        if value != old[name]:
            yield name, old[name], value


def _told(kind: Kind | None, value: Any) -> Table:  # noqa: ANN401 - of the kind
    return tenant_told(value) if kind is None else told(kind, value)


def _set(tenant: Tenant) -> Iterator[tuple[str, Any, Any]]:
    for name, value in tenant_told(tenant).items():
        if value:
            yield name, None, value


def _unnamed(state: TenantState, means: Means) -> TenantChanges:
    """With `prune` a tenant that is not named is disabled; its users and all else stay."""
    tenant = state.tenant
    if tenant.is_default or tenant.disabled_at is not None:
        return TenantChanges(state, state, ())
    if not means.prune:
        return TenantChanges(state, state, (Change(Verb.LEFT, None, tenant.name, tenant),))
    after = replace(tenant, disabled_at=means.now)
    change = Change(Verb.REMOVE, None, tenant.name, tenant, after)
    return TenantChanges(state, replace(state, tenant=after), (change,))


def _after(before: TenantState, tenant: Tenant, changes: Iterable[Change]) -> TenantState:
    found = {kind.word: before.of(kind) for kind in KINDS}
    for change in changes:
        if change.kind is None or change.verb is Verb.LEFT:
            continue
        if change.verb is Verb.REMOVE:
            del found[change.kind.word][change.name]
        else:
            found[change.kind.word][change.name] = change.after
    resources, issuers, clients = (tuple(found[kind.word].values()) for kind in KINDS)
    return TenantState(tenant, resources, issuers, clients)
