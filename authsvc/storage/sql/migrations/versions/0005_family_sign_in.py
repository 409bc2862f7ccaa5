"""When and how the person signed in whom a family's tokens tell of: the session's own facts change at the next sign-in.

Only adds: the previous version runs beside it, and what it writes tells what the session tells.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("refresh_families", sa.Column("authenticated_at", sa.BigInteger()))
    op.add_column("refresh_families", sa.Column("amr", sa.Text()))
