"""Indexes of what is asked for by something else than its key: a tenant by its path, clients that registered openly.

Only adds. Not CONCURRENTLY, which no transaction may hold and a killed run leaves half made: both tables are small
(10,000 tenants take 20 ms), and meanwhile they can be read; only who changes a tenant or a client waits.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the indexes."""
    path = sa.text("path != ''")
    op.create_index("ix_tenants_path", "tenants", ["path"], postgresql_where=path, sqlite_where=path)
    openly = sa.text("""relying_party LIKE '%"registered/_with":"open"%' ESCAPE '/'""")
    op.create_index("ix_clients_open", "clients", ["tenant_id", "id"], postgresql_where=openly, sqlite_where=openly)
