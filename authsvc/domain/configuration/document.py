"""The document of an installation: written from what there is, and read into what is wanted."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from authsvc.domain.configuration.kinds import CLIENT, ISSUER, KINDS, RESOURCE, Kind, name_of, read, written
from authsvc.domain.configuration.plain import ConfigurationInvalid, Table, as_table, only, plain
from authsvc.domain.configuration.secrets import GivenSecret
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.resources import Resource
from authsvc.domain.parties.trusted_issuers import TrustedIssuer
from authsvc.domain.tenants import REGISTRATION_OFF, Look, Tenant

TENANTS = "tenants"
SECRETS = "secrets"
_DATA_URL = re.compile(r"data:([a-z+/]+);base64,(.*)")
_LOOK_MEMBERS = ("name", "accent", "accent_dark", "logo")
_TENANT_MEMBERS = {"issuer", "client_registration", "look", "disabled", *(kind.plural for kind in KINDS)}


@dataclass(frozen=True, slots=True)
class TenantState:
    """One tenant with all that is configured in it."""

    tenant: Tenant
    resources: tuple[Resource, ...] = ()
    issuers: tuple[TrustedIssuer, ...] = ()
    clients: tuple[Client, ...] = ()

    def of(self, kind: Kind) -> dict[str, Any]:
        """Return the objects of one kind by name; clients that registered themselves are no configuration."""
        found: dict[str, tuple[Any, ...]] = {
            RESOURCE.word: self.resources, ISSUER.word: self.issuers, CLIENT.word: self.clients
        }  # fmt: skip
        return {name_of(kind, value): value for value in found[kind.word]}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object as the document wants it, built upon a blank one. None: the document says nothing of it."""

    value: Any
    disabled: bool | None
    secrets: tuple[GivenSecret, ...] | None = None


@dataclass(frozen=True, slots=True)
class WantedTenant:
    """One tenant as the document wants it; `objects` are by the word of their kind, then by name."""

    name: str
    issuer: str | None
    client_registration: str
    look: Look
    disabled: bool | None
    objects: Mapping[str, Mapping[str, Wanted]]


def registered_itself(client: Client) -> bool:
    """Whether the client came by registration over HTTP: it is nobody's to configure, unless a document names it."""
    return client.relying_party.registered_with is not None


def document(states: Iterable[TenantState]) -> Table:
    """Return the whole configuration: tenants in the order of their names, and so on below. No secret is in it."""
    return {TENANTS: {state.tenant.name: _tenant(state) for state in sorted(states, key=lambda each: each.tenant.name)}}


def wanted_tenants(table: Table, now: datetime) -> tuple[WantedTenant, ...]:
    """Return what a document wants; secrets stand in it as lists of GivenSecret. Raises: ConfigurationInvalid."""
    only(table, {TENANTS}, "the document")
    tenants = as_table(table.get(TENANTS), TENANTS)
    if not tenants:
        raise ConfigurationInvalid("the document names no tenant")
    return tuple(_wanted_tenant(name, tenants[name], now) for name in sorted(tenants))


def look_told(look: Look) -> Table:
    """Return the members of a look; its logo as a data URL."""
    found = {name: getattr(look, name) for name in _LOOK_MEMBERS}
    if look.logo is not None:
        found["logo"] = f"data:{look.logo_type};base64,{b64encode(look.logo).decode()}"
    return found


def _tenant(state: TenantState) -> Table:
    tenant = state.tenant
    table: Table = {"issuer": tenant.issuer, "client_registration": tenant.client_registration}
    if tenant.disabled_at is not None:
        table["disabled"] = True
    if look := {name: value for name, value in look_told(tenant.look).items() if value is not None}:
        table["look"] = look
    for kind in KINDS:
        found = state.of(kind)
        if named := {name: written(kind, found[name]) for name in sorted(found) if _is_exported(found[name])}:
            table[kind.plural] = named
    return table


def _is_exported(value: object) -> bool:
    return not (isinstance(value, Client) and registered_itself(value))


def _wanted_tenant(name: str, table: object, now: datetime) -> WantedTenant:
    place = f"{TENANTS}.{name}"
    found = as_table(table, place)
    only(found, _TENANT_MEMBERS, place)
    objects = {kind.word: _objects(kind, found.get(kind.plural, {}), place, now) for kind in KINDS}
    return WantedTenant(
        name=name,
        issuer=_text(found, "issuer", place, None),
        client_registration=_text(found, "client_registration", place, REGISTRATION_OFF) or REGISTRATION_OFF,
        look=_look(as_table(found.get("look", {}), f"{place}.look"), f"{place}.look"),
        disabled=_flag(found, place),
        objects=objects,
    )


def _objects(kind: Kind, table: object, place: str, now: datetime) -> dict[str, Wanted]:
    named = as_table(table, f"{place}.{kind.plural}")
    return {name: _wanted(kind, name, named[name], f"{place}.{kind.plural}.{name}", now) for name in sorted(named)}


def _wanted(kind: Kind, name: str, table: object, place: str, now: datetime) -> Wanted:
    given = dict(as_table(table, place))
    disabled = _flag(given, place)
    given.pop("disabled", None)
    secrets = given.pop(SECRETS, None) if kind is CLIENT else None
    value = replace(kind.blank(name, now), **read(kind, given, place))
    if secrets is None:
        return Wanted(value, disabled)
    if not isinstance(secrets, tuple):
        raise ConfigurationInvalid(f"{place}.{SECRETS} says where each secret is found")
    return Wanted(value, disabled, secrets)


def _look(table: Table, place: str) -> Look:
    only(table, set(_LOOK_MEMBERS), place)
    name, accent, dark, logo = (_text(table, member, place, None) for member in _LOOK_MEMBERS)
    if logo is None:
        return Look(name, accent, dark)
    if found := _DATA_URL.fullmatch(logo):
        with suppress(ValueError):
            return Look(name, accent, dark, b64decode(found[2], validate=True), found[1])
    raise ConfigurationInvalid(f"{place}.logo is a data URL: data:image/png;base64,...")


def _flag(table: Table, place: str) -> bool | None:
    value = table.get("disabled")
    if value is not None and not isinstance(value, bool):
        raise ConfigurationInvalid(f"{place}.disabled is true or false")
    return value


def _text(table: Table, name: str, place: str, otherwise: str | None) -> str | None:
    value = table.get(name, otherwise)
    if value is not None and not isinstance(value, str):
        raise ConfigurationInvalid(f"{place}.{name} is a text")
    return value


def tenant_told(tenant: Tenant) -> Table:
    """Return every member of a tenant with its value: what is compared."""
    look = {f"look.{name}": plain(value) for name, value in look_told(tenant.look).items()}
    return {"client_registration": tenant.client_registration, "disabled": tenant.disabled_at is not None, **look}
