"""Registered clients, with the indexes of their browser origins and of their external identities."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.relying_parties import OPENLY
from authsvc.errors import Conflict
from authsvc.storage.sql.base import ONE, Instant, Store, StringSet, given, metadata, owned, some, tenant_column
from authsvc.storage.sql.changes import announce
from authsvc.storage.sql.client_columns import Exchanges, Identities, Secrets
from authsvc.storage.sql.relying_party_column import RelyingPartyText

clients = Table(
    "clients",
    metadata,
    tenant_column(),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("auth_method", Text, nullable=False),
    Column("secrets", Secrets, nullable=False),
    Column("first_party", Boolean, nullable=False),
    Column("grant_types", StringSet, nullable=False),
    Column("scopes", StringSet, nullable=False),
    Column("resources", StringSet, nullable=False),
    Column("origins", StringSet, nullable=False),
    Column("profile", Text, nullable=False),
    Column("id_token_algorithm", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("version", Integer, nullable=False),
    Column("serves", StringSet, nullable=False, server_default="[]"),
    Column("jwks", Text),
    Column("jwks_uri", Text),
    Column("assertion_algorithms", StringSet, nullable=False, server_default="[]"),
    Column("identities", Identities, nullable=False, server_default="[]"),
    Column("exchanges", Exchanges, nullable=False, server_default="[]"),
    Column("relying_party", RelyingPartyText, nullable=False, server_default="{}"),
    # When a person first allowed it something (consents.py): what a stranger registered is purged without.
    Column("first_used_at", Instant),
)

# Quotation marks within a text are escaped in JSON, so that no text can look like the member. Written out, not bound: a
# plan for any value could not use the index.
_OPEN = text(f"""clients.relying_party LIKE '%"registered/_with":"{OPENLY}"%' ESCAPE '/'""")
Index("ix_clients_open", clients.c.tenant_id, clients.c.id, postgresql_where=_OPEN, sqlite_where=_OPEN)
NEVER_USED = text(f"{_OPEN} AND clients.first_used_at IS NULL AND clients.version = 1")
"""Nobody has allowed it anything, nor changed it: who does that may give it more than strangers' clients have."""
Index(
    "ix_clients_never_used", clients.c.tenant_id, clients.c.created_at,
    postgresql_where=NEVER_USED, sqlite_where=NEVER_USED,
)  # fmt: skip

client_origins = Table(
    "client_origins",
    metadata,
    tenant_column(),
    Column("origin", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    ForeignKeyConstraint(("tenant_id", "client_id"), ("clients.tenant_id", "clients.id"), ondelete="CASCADE"),
)
Index(None, client_origins.c.tenant_id, client_origins.c.client_id)

client_identities = Table(
    "client_identities",
    metadata,
    tenant_column(),
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    ForeignKeyConstraint(("tenant_id", "client_id"), ("clients.tenant_id", "clients.id"), ondelete="CASCADE"),
)
Index(None, client_identities.c.tenant_id, client_identities.c.client_id)

_SETTINGS = (
    "name", "auth_method", "secrets", "first_party", "grant_types", "scopes", "resources", "origins", "profile",
    "id_token_algorithm", "disabled_at", "serves", "jwks", "jwks_uri", "assertion_algorithms", "identities",
    "exchanges", "relying_party",
)  # fmt: skip
_CLIENT = select(*(column for column in clients.c if column.name not in {"tenant_id", "first_used_at"})).where(
    owned(clients)
)
_THIS = (owned(clients), clients.c.id == given("which", clients.c.id))

_GET = _CLIENT.where(_THIS[1])
_FIRST = _CLIENT.order_by(clients.c.id).limit(bindparam("most"))
_AFTER = _FIRST.where(clients.c.id > given("after", clients.c.id))
_COUNT_OPEN = select(func.count()).select_from(
    select(clients.c.id).where(owned(clients), _OPEN).limit(bindparam("most")).subquery()
)
_ADD = insert(clients).on_conflict_do_nothing().returning(clients.c.id)
_SAVE = (
    update(clients)
    .where(*_THIS, clients.c.version == given("expected_version", clients.c.version))
    .values(**{name: bindparam(name) for name in _SETTINGS}, version=clients.c.version + 1)
)
_NEXT_VERSION = clients.c.version + 1
_DISABLE = (
    update(clients)
    .where(*_THIS, clients.c.disabled_at.is_(None))
    .values(disabled_at=bindparam("now"), version=_NEXT_VERSION)
)
_ENABLE = (
    update(clients).where(*_THIS, clients.c.disabled_at.is_not(None)).values(disabled_at=None, version=_NEXT_VERSION)
)
_DELETE = delete(clients).where(*_THIS)
_ADD_ORIGIN = insert(client_origins).on_conflict_do_nothing()
_DELETE_ORIGINS = delete(client_origins).where(
    owned(client_origins), client_origins.c.client_id == given("which", clients.c.id)
)
# A plain insert: a taken identity must fell the whole change, not leave a client without it.
_ADD_IDENTITY = insert(client_identities)
_DELETE_IDENTITIES = delete(client_identities).where(
    owned(client_identities), client_identities.c.client_id == given("which", clients.c.id)
)
# By the id, not by a join: if tenants have few clients on the average, PostgreSQL may read all of this one's.
_FIND_BY_IDENTITY = _CLIENT.where(
    clients.c.id
    == select(client_identities.c.client_id)
    .where(
        owned(client_identities), client_identities.c.issuer == given("asked_issuer", client_identities.c.issuer),
        client_identities.c.subject == given("asked_subject", client_identities.c.subject),
    )
    .scalar_subquery()
)  # fmt: skip
_ITS_CLIENT = (clients.c.tenant_id == client_origins.c.tenant_id, clients.c.id == client_origins.c.client_id)
_ALLOWS_ORIGIN = (
    select(client_origins.c.client_id)
    .where(
        owned(client_origins), client_origins.c.origin == given("asked", client_origins.c.origin),
        some(clients, *_ITS_CLIENT, clients.c.disabled_at.is_(None)).is_not(None),
    )
    .limit(ONE)
)  # fmt: skip


class SqlClients(Store):
    """Implements Clients."""

    def get(self, client_id: str) -> Client | None:
        """Return the client of that id."""
        row = self._work.row(_GET, tenant=self._tenant_id, which=client_id)
        return None if row is None else Client(*row)

    def read(self, client_id: str) -> Client | None:
        """As `get`, but never from the cache."""
        return SqlClients.get(self, client_id)

    def find_by_identity(self, issuer: str, subject: str) -> Client | None:
        """Return the client that is this subject of a foreign issuer."""
        row = self._work.row(_FIND_BY_IDENTITY, tenant=self._tenant_id, asked_issuer=issuer, asked_subject=subject)
        return None if row is None else Client(*row)

    def list(self, after: str | None, limit: int) -> tuple[Client, ...]:
        """Return a page in the order of ids."""
        if after is None:
            rows = self._work.rows(_FIRST, tenant=self._tenant_id, most=limit)
        else:
            rows = self._work.rows(_AFTER, tenant=self._tenant_id, most=limit, after=after)
        return tuple(Client(*row) for row in rows)

    def count_open(self, most: int) -> int:
        """How many strangers have registered; counts no further than `most`."""
        row = self._work.row(_COUNT_OPEN, tenant=self._tenant_id, most=most)
        return 0 if row is None else int(row[0])

    def add(self, client: Client) -> None:
        """Raises: Conflict if the id is taken, or one of its identities is another client's."""
        announce(self._work)
        added = self._work.write_returning(
            _ADD, tenant_id=self._tenant_id, id=client.id, created_at=client.created_at, version=client.version,
            first_used_at=None, **_settings(client),
        )  # fmt: skip
        if not added:
            raise Conflict("client: the id is taken")
        self._add_indexes(client)

    def save(self, client: Client) -> Client:
        """Write all fields if the version is unchanged; return the client with its next version. Raises: Conflict."""
        announce(self._work)
        saved = self._work.write(
            _SAVE, tenant=self._tenant_id, which=client.id, expected_version=client.version, **_settings(client)
        )
        if saved != 1:
            raise Conflict("client: changed since it was read")
        self._work.write(_DELETE_ORIGINS, tenant=self._tenant_id, which=client.id)
        self._work.write(_DELETE_IDENTITIES, tenant=self._tenant_id, which=client.id)
        self._add_indexes(client)
        return replace(client, version=client.version + 1)

    def disable(self, client_id: str, now: datetime) -> bool:
        """False if not there or disabled already."""
        announce(self._work)
        return self._work.write(_DISABLE, tenant=self._tenant_id, which=client_id, now=now) == 1

    def enable(self, client_id: str) -> bool:
        """False if not there or not disabled."""
        announce(self._work)
        return self._work.write(_ENABLE, tenant=self._tenant_id, which=client_id) == 1

    def delete(self, client_id: str) -> bool:
        """False if not there."""
        announce(self._work)
        return self._work.write(_DELETE, tenant=self._tenant_id, which=client_id) == 1

    def allows_origin(self, origin: str) -> bool:
        """Whether any enabled client has registered this browser origin."""
        return self._work.row(_ALLOWS_ORIGIN, tenant=self._tenant_id, asked=origin) is not None

    def _add_indexes(self, client: Client) -> None:
        for origin in sorted(client.origins):
            self._work.write(_ADD_ORIGIN, tenant_id=self._tenant_id, origin=origin, client_id=client.id)
        # In one order, so that two of these cannot wait for each other.
        for issuer, subject in sorted((identity.issuer, identity.subject) for identity in client.identities):
            try:
                self._work.write(
                    _ADD_IDENTITY, tenant_id=self._tenant_id, issuer=issuer, subject=subject, client_id=client.id
                )
            except Conflict:
                raise Conflict(f"client: {subject} of {issuer} is another client already") from None


def _settings(client: Client) -> dict[str, Any]:
    return {name: getattr(client, name) for name in _SETTINGS}
