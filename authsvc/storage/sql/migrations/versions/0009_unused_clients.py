"""When a client was first allowed something, so that those which strangers registered in vain can leave.

Only adds. Not CONCURRENTLY, for the reasons of 0007; the index holds only what strangers registered.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column and the index by which the purge finds them."""
    op.add_column("clients", sa.Column("first_used_at", sa.BigInteger()))
    unused = sa.text("""relying_party LIKE '%"registered/_with":"open"%' ESCAPE '/'
        AND first_used_at IS NULL AND version = 1""")
    op.create_index(
        "ix_clients_never_used", "clients", ["tenant_id", "created_at"], postgresql_where=unused, sqlite_where=unused
    )
