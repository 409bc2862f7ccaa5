"""Files of users that are imported by the server itself: how far they are, their pieces, and the rows it refused.

Only adds: the previous version runs beside it and does not look at the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "user_imports",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("bytes_total", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("over_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_user_imports"),
    )
    op.create_index("ix_user_imports_tenant_id_over_at", "user_imports", ["tenant_id", "over_at"])
    is_open = sa.text("over_at IS NULL")
    op.create_index(
        "ix_user_imports_open", "user_imports", ["tenant_id", "created_at"],
        postgresql_where=is_open, sqlite_where=is_open,
    )  # fmt: skip
    _of_an_import(
        "user_import_chunks",
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("content_encrypted", sa.LargeBinary(), nullable=False),
    )
    _of_an_import(
        "user_import_refusals",
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )


def _of_an_import(name: str, number: sa.Column[int], content: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        number,
        content,
        sa.ForeignKeyConstraint(
            ["tenant_id", "import_id"], ["user_imports.tenant_id", "user_imports.id"],
            name=f"fk_{name}_user_imports", ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "import_id", number.name, name=f"pk_{name}"),
    )  # fmt: skip
