"""Clients as an administrator makes and changes them, held to the same rules as by registration and command line.

An administrator gives away no power over the admin API that they do not have, and touches no client that has more.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from authsvc.domain.administration import admin_audience, powers_of
from authsvc.domain.fields import FieldProblem, FieldsInvalid
from authsvc.domain.parties.clients import CODE_GRANT, Client, check_client, sealing, with_new_secret
from authsvc.domain.parties.relying_parties import NO_RELYING_PARTY, RelyingParty
from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES
from authsvc.domain.parties.trusted_issuers import WORKLOADS
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.domain.web_address import UrlInvalid, read_url
from authsvc.protocol.administrator import Administrator
from authsvc.protocol.client_administration_members import OF_CLIENT_BY_ADMIN, OF_PARTY_BY_ADMIN
from authsvc.protocol.client_members import ASSERTION_ALGORITHMS, FLAG, PEOPLES_TEXTS, TEXT, Kind, Member, WrongValue
from authsvc.protocol.grants import GRANTS
from authsvc.protocol.register import Registering, check_sector, with_secret

CLIENT_ID = "client_id"
DISABLED = "disabled"
_PEOPLES_TEXT = re.compile(rf"(?:{'|'.join(PEOPLES_TEXTS)})(?:#[A-Za-z0-9-]{{1,35}})?")
_SHOWN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_KINDS: Mapping[str, Kind] = {row.name: row.kind for row in (*OF_CLIENT_BY_ADMIN, *OF_PARTY_BY_ADMIN)} | {
    DISABLED: FLAG
}
_PROOFS = ("jwks", "jwks_uri", "assertion_algorithms", "identities")
_SAME_SECRETS = frozenset({"client_secret_basic", "client_secret_post"})
_MEANT_OTHERWISE = frozenset({".", ".."})
Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClientDesk:
    """Who asks, for which tenant and when, and what the process lends."""

    tenant: Tenant
    admin: Administrator
    uow: UnitOfWork
    registering: Registering
    now: datetime


def create_client(given: Given, desk: ClientDesk) -> tuple[Client, str | None]:
    """Return the new client and its secret, if it has one. Raises: Conflict if the id is taken; as `change_client`."""
    client_id = given.get(CLIENT_ID, f"client-{secrets.token_hex(8)}")
    if not isinstance(client_id, str) or client_id in _MEANT_OTHERWISE:
        raise FieldsInvalid((FieldProblem(CLIENT_ID, "1 to 128 characters of A-Z a-z 0-9 . _ ~ -"),))
    wanted = {name: value for name, value in given.items() if name != CLIENT_ID}
    client = _with_members(_blank(client_id, wanted, desk.now), wanted, desk.now)
    client, secret = with_secret(_checked(client, desk, NO_RELYING_PARTY), desk.uow, desk.registering, desk.now)
    desk.uow.begin()
    desk.uow.clients.add(client)
    return client, secret


def change_client(client: Client, given: Given, desk: ClientDesk) -> tuple[Client, str | None]:
    """Return the client with what was given, absent members as they were and null ones as a new client has them.

    With another authentication method, what proved it by the old one goes; a new secret, if it needs one, is returned.
    Raises: FieldsInvalid, InsufficientScope; Conflict if it was changed meanwhile; as `check_client`, `check_sector`.
    """
    require_power_over(client, desk)
    changed, secret = _checked(_with_members(client, given, desk.now), desk, client.relying_party), None
    if changed.auth_method != client.auth_method:
        changed, secret = with_secret(changed, desk.uow, desk.registering, desk.now, before=client.auth_method)
    desk.uow.begin()
    return desk.uow.clients.save(changed), secret


def add_secret(client: Client, desk: ClientDesk) -> tuple[Client, str]:
    """Return the client with one more secret, and that secret. Raises: ClientInvalid, InsufficientScope, Conflict."""
    require_power_over(client, desk)
    seal = sealing(desk.uow.tenant_id, desk.registering.master_keys)
    changed, secret = with_new_secret(client, desk.now, seal, desk.registering.allowed_hosts)
    desk.uow.begin()
    return desk.uow.clients.save(changed), secret


def require_power_over(client: Client, desk: ClientDesk) -> None:
    """Refuse to let an administrator become a stronger one by way of this client. Raises: InsufficientScope."""
    desk.admin.require(*powers_of(client, desk.tenant))


def _blank(client_id: str, given: Given, now: datetime) -> Client:
    nothing = frozenset[str]()
    is_public, first_party = given.get("token_endpoint_auth_method") == "none", given.get("first_party") is True
    grants = {"refresh_token"} if is_public or first_party else {"client_credentials"}
    if given.get("redirect_uris"):
        grants = {CODE_GRANT, "refresh_token"}
    return Client(
        id=client_id, name=client_id, auth_method="client_secret_basic", secrets=(), first_party=False,
        grant_types=frozenset(grants), scopes=nothing, resources=nothing, origins=nothing, profile="oauth2.1",
        id_token_algorithm="RS256", created_at=now,
    )  # fmt: skip


def _with_members(base: Client, given: Given, now: datetime) -> Client:
    """Return the client with what was given; what it amounts to is not judged yet. Raises: FieldsInvalid."""
    blank, read = _blank(base.id, given, now), _read(given)
    of_client = {
        row.attribute: _or_default(read[row.name], row, blank) for row in OF_CLIENT_BY_ADMIN if row.name in read
    }
    of_party = {
        row.attribute: _or_default(read[row.name], row, NO_RELYING_PARTY)
        for row in OF_PARTY_BY_ADMIN
        if row.name in read
    }
    if DISABLED in read:
        of_client["disabled_at"] = (base.disabled_at or now) if read[DISABLED] else None
    texts = dict(base.relying_party.texts) | {name: read[name] for name in read if _is_text(name)}
    kept = MappingProxyType({name: text for name, text in texts.items() if text})
    party = replace(base.relying_party, **_sectored(of_party), texts=kept)
    return _proving(base, replace(base, **of_client, relying_party=party), of_client)


def _read(given: Given) -> Mapping[str, Any]:
    """Return each member as it is kept, None where it is taken away. Raises: FieldsInvalid naming each bad one."""
    read, problems = {}, []
    for name, value in given.items():
        kind = _KINDS.get(name, TEXT if _is_text(name) else None)
        if kind is None:
            shown = name if _SHOWN.fullmatch(name) else "(unnamed)"
            problems.append(FieldProblem(shown, "is not a field that can be written"))
            continue
        try:
            read[name] = None if value is None else kind.read(value)
        except WrongValue as error:
            problems.append(FieldProblem(name, str(error)))
    if problems:
        raise FieldsInvalid(tuple(problems))
    return read


def _or_default(value: Any, row: Member, blank: Client | RelyingParty) -> Any:  # noqa: ANN401 - what the row keeps
    return getattr(blank, row.attribute) if value is None else value


def _is_text(name: str) -> bool:
    return name not in _KINDS and _PEOPLES_TEXT.fullmatch(name) is not None


def _sectored(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the members with the sector that the sector's document names, unless a sector is given besides."""
    if "sector_identifier_uri" not in given or "sector" in given:
        return given
    uri = given["sector_identifier_uri"]
    try:
        return {**given, "sector": None if uri is None else read_url(uri).host}
    except UrlInvalid as error:
        raise FieldsInvalid((FieldProblem("sector_identifier_uri", str(error)),)) from None


def _proving(base: Client, wanted: Client, given: Mapping[str, Any]) -> Client:
    """Return the client without what proved it by another method, and with the algorithms that its method needs."""
    if base.auth_method != wanted.auth_method:
        blank = _blank(base.id, {}, base.created_at)
        gone = {name: getattr(blank, name) for name in _PROOFS if name not in given}
        wanted = replace(wanted, **gone)
        if not {base.auth_method, wanted.auth_method} <= _SAME_SECRETS:
            wanted = replace(wanted, secrets=())
    if not wanted.assertion_algorithms:
        known = ASSERTION_ALGORITHMS.get(wanted.auth_method, ())
        return replace(wanted, assertion_algorithms=frozenset(known))
    return wanted


def _checked(client: Client, desk: ClientDesk, before: RelyingParty) -> Client:
    """Return the client if it is sound, names only what is there, and is no stronger than who asks."""
    require_power_over(client, desk)
    if problems := tuple(_about_names(client, desk)):
        raise FieldsInvalid(problems)
    check_client(client, desk.registering.allowed_hosts)
    check_sector(client, desk.registering, before)
    return client


def _about_names(client: Client, desk: ClientDesk) -> Iterator[FieldProblem]:
    """Tell what would only fail at the first token: the name of something that is not there, or not for this."""
    there = {found.audience: found for found in desk.uow.resources.list()}
    own = admin_audience(desk.tenant.issuer)
    if client.grant_types - GRANTS.keys() - {CODE_GRANT}:
        yield FieldProblem("grant_types", f"some of {', '.join((CODE_GRANT, *GRANTS))}")
    if client.resources - there.keys() - {own}:
        yield FieldProblem("resources", "one of them is not registered")
    if client.serves - there.keys():
        yield FieldProblem("serves", "one of them is not registered")
    known = frozenset[str]().union(*(there[name].scopes for name in client.resources & there.keys()))
    if client.scopes - known - IDENTITY_SCOPES - {ACCOUNT_SCOPE} - powers_of(client, desk.tenant):
        yield FieldProblem("scope", "only those of the client's resources")
    for identity in client.identities:
        issuer = desk.uow.issuers.get(identity.issuer)
        if issuer is None or WORKLOADS not in issuer.purposes or not issuer.may_name(identity.subject):
            yield FieldProblem("identities", "one of them is of no issuer that is trusted for it")


def members_of(client: Client) -> dict[str, Any]:
    """Return everything that an administrator may have said of the client."""
    return (
        {"client_name": client.name}
        | _tell(OF_CLIENT_BY_ADMIN[1:], client)
        | _tell(OF_PARTY_BY_ADMIN, client.relying_party)
        | dict(client.relying_party.texts)
    )


def _tell(rows: Iterable[Member], owner: Client | RelyingParty) -> dict[str, Any]:
    values = ((row, getattr(owner, row.attribute)) for row in rows)
    return {row.name: row.kind.tell(value) for row, value in values if row.always or value not in (None, (), False)}
