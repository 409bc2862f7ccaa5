"""Answers that are kept, so that a request which is sent again is not done again.

Only adds: the previous version runs beside it and does not look at the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "idempotent_answers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("answer_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key_hash", name="pk_idempotent_answers"),
    )
    op.create_index("ix_idempotent_answers_tenant_id_expires_at", "idempotent_answers", ["tenant_id", "expires_at"])
