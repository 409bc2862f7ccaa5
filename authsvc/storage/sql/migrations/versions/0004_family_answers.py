"""What a refresh must answer as the first answer did: claims asked for userinfo, and the session that was told.

Only adds: the previous version runs beside it, and what it writes takes the defaults.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("refresh_families", sa.Column("userinfo_claims", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("refresh_families", sa.Column("told_session_id", sa.Uuid()))
