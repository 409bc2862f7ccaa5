"""The audit trail: rows are only added, and purged by age."""

from sqlalchemy import Column, Index, Table, Text, Uuid, bindparam, select

from authsvc.domain.audit import AuditEvent
from authsvc.storage.sql.base import Instant, Store, metadata, owned, tenant_column

audit_events = Table(
    "audit_events",
    metadata,
    tenant_column(),
    Column("id", Uuid, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("rule", Text),
    Column("client_id", Text),
    Column("user_id", Uuid),
    Column("address", Text),
    Column("detail", Text),
)
Index(None, audit_events.c.tenant_id, audit_events.c.request_id)
Index(None, audit_events.c.tenant_id, audit_events.c.at)

_ADD = audit_events.insert()
_FIND_REQUEST = (
    select(*(column for column in audit_events.c if column.name != "tenant_id"))
    .where(owned(audit_events), audit_events.c.request_id == bindparam("asked"))
    .order_by(audit_events.c.at, audit_events.c.id)
)


class SqlAudit(Store):
    """Implements Audit."""

    def add(self, event: AuditEvent) -> None:
        """Add one row, whatever its texts hold."""
        self._work.write(
            _ADD, tenant_id=self._tenant_id, id=event.id, at=event.at, request_id=event.request_id, event=event.event,
            rule=event.rule, client_id=_storable(event.client_id), user_id=event.user_id,
            address=_storable(event.address), detail=_storable(event.detail),
        )  # fmt: skip

    def find_request(self, request_id: str) -> tuple[AuditEvent, ...]:
        """Return what one request did, in order."""
        rows = self._work.rows(_FIND_REQUEST, tenant=self._tenant_id, asked=request_id)
        return tuple(AuditEvent(*row) for row in rows)


def _storable(text: str | None) -> str | None:
    """Return the text without what no database takes: a presented client id may hold anything."""
    return None if text is None else text.encode(errors="replace").decode().replace("\0", "?")
