"""Trusted issuers, assertions, opaque and revoked access tokens, API keys, and what clients may do with them.

Only adds: the previous version runs beside it, and what it writes takes the defaults.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and tables."""
    _clients()
    _client_identities()
    op.add_column("resources", sa.Column("token_format", sa.Text(), nullable=False, server_default="jwt"))
    _trusted_issuers()
    _used_assertions()
    _access_tokens()
    _revoked_tokens()
    _api_keys()


def _clients() -> None:
    op.add_column("clients", sa.Column("serves", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("clients", sa.Column("jwks", sa.Text()))
    op.add_column("clients", sa.Column("jwks_uri", sa.Text()))
    op.add_column("clients", sa.Column("assertion_algorithms", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("clients", sa.Column("identities", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("clients", sa.Column("exchanges", sa.Text(), nullable=False, server_default="[]"))


def _client_identities() -> None:
    op.create_table(
        "client_identities",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "issuer", "subject", name="pk_client_identities"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "client_id"),
            ("clients.tenant_id", "clients.id"),
            name="fk_client_identities_clients",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_client_identities_tenant_id_client_id", "client_identities", ["tenant_id", "client_id"])


def _trusted_issuers() -> None:
    op.create_table(
        "trusted_issuers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("jwks", sa.Text()),
        sa.Column("jwks_uri", sa.Text()),
        sa.Column("algorithms", sa.Text(), nullable=False),
        sa.Column("purposes", sa.Text(), nullable=False),
        sa.Column("audiences", sa.Text(), nullable=False),
        sa.Column("subject_claim", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subjects", sa.Text(), nullable=False),
        sa.Column("max_token_seconds", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "issuer", name="pk_trusted_issuers"),
    )


def _used_assertions() -> None:
    op.create_table(
        "used_assertions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("assertion_id_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "issued_by", "assertion_id_hash", name="pk_used_assertions"),
    )
    op.create_index("ix_used_assertions_tenant_id_expires_at", "used_assertions", ["tenant_id", "expires_at"])


def _access_tokens() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "token_hash", name="pk_access_tokens"),
    )
    op.create_index("ix_access_tokens_tenant_id_expires_at", "access_tokens", ["tenant_id", "expires_at"])


def _revoked_tokens() -> None:
    op.create_table(
        "revoked_tokens",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "jti", name="pk_revoked_tokens"),
    )
    op.create_index("ix_revoked_tokens_tenant_id_expires_at", "revoked_tokens", ["tenant_id", "expires_at"])


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("client_id", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("last_used_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("over_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_api_keys"),
        sa.UniqueConstraint("tenant_id", "secret_hash", name="uq_api_keys_tenant_id_secret_hash"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "user_id"), ("users.tenant_id", "users.id"), name="fk_api_keys_users", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ("tenant_id", "client_id"),
            ("clients.tenant_id", "clients.id"),
            name="fk_api_keys_clients",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_api_keys_tenant_id_user_id", "api_keys", ["tenant_id", "user_id"])
    op.create_index("ix_api_keys_tenant_id_client_id", "api_keys", ["tenant_id", "client_id"])
    op.create_index("ix_api_keys_tenant_id_over_at", "api_keys", ["tenant_id", "over_at"])
