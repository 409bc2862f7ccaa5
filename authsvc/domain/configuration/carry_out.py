"""Make the changes in the stores: in one transaction, in an order in which nothing is in another's way."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from authsvc.domain.configuration.changes import Change, TenantChanges, Verb
from authsvc.domain.configuration.kinds import CLIENT, ISSUER, RESOURCE, Kind
from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant

_EVENTS = {Verb.ADD: "created", Verb.CHANGE: "updated", Verb.REMOVE: "deleted"}
Record = Callable[[str, Change], None]
"""Writes an audit row: the event, and what it was about."""


def carry_out(found: TenantChanges, uow: UnitOfWork, now: datetime, record: Record) -> None:
    """Write what is to be done in one tenant, within its begun transaction.

    Raises: Conflict if something was changed since it was read; then nothing may be committed.
    """
    for change in found.made:
        if change.kind is None:
            record(_tenant(change, uow, now), change)
    for kind in (CLIENT, ISSUER, RESOURCE):
        for change in _of(found, kind, Verb.REMOVE):
            _store(uow, kind).delete(change.name)
            record(_event(change), change)
    for kind in (RESOURCE, ISSUER):
        for change in _of(found, kind, Verb.CHANGE, Verb.ADD):
            _put(change, _store(uow, kind))
            record(_event(change), change)
    _clients(list(_of(found, CLIENT, Verb.CHANGE, Verb.ADD)), uow, record)


def _clients(changes: Iterable[Change], uow: UnitOfWork, record: Record) -> None:
    """An external identity is one client's alone: it is let go everywhere before anybody takes it."""
    versions = {change.name: _let_go(change, uow) for change in changes if change.verb is Verb.CHANGE}
    for change in changes:
        if change.verb is Verb.CHANGE:
            change = replace(change, after=replace(change.after, version=versions[change.name]))  # noqa: PLW2901
        _put(change, uow.clients)
        record(_event(change), change)


def _let_go(change: Change, uow: UnitOfWork) -> int:
    """Take from a client the identities that it loses; returns the version that it has then."""
    before: Client = change.before
    kept = tuple(each for each in before.identities if each in change.after.identities)
    return before.version if kept == before.identities else uow.clients.save(replace(before, identities=kept)).version


def _tenant(change: Change, uow: UnitOfWork, now: datetime) -> str:
    """Write a tenant; returns the event."""
    before: Tenant | None = change.before
    after: Tenant = change.after
    if before is None:
        uow.tenants.add(after)
        return "tenant.created"
    if before.look != after.look:
        uow.tenants.set_look(after.id, after.look)
    if before.client_registration != after.client_registration:
        uow.tenants.set_client_registration(after.id, after.client_registration)
    if after.disabled_at is None:
        uow.tenants.enable(after.id)
    else:
        uow.tenants.disable(after.id, now)
    return "tenant.disabled" if change.verb is Verb.REMOVE else "tenant.updated"


def _put(change: Change, store: Any) -> None:  # noqa: ANN401 - of the kind
    if change.verb is Verb.ADD:
        store.add(change.after)
    else:
        store.save(change.after)


def _of(found: TenantChanges, kind: Kind, *verbs: Verb) -> Iterator[Change]:
    return (change for change in found.changes if change.kind is kind and change.verb in verbs)


def _store(uow: UnitOfWork, kind: Kind) -> Any:  # noqa: ANN401 - of the kind
    return {CLIENT.word: uow.clients, ISSUER.word: uow.issuers, RESOURCE.word: uow.resources}[kind.word]


def _event(change: Change) -> str:
    return f"{change.word}.{_EVENTS[change.verb]}"
