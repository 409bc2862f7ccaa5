"""What browser sign-in stores: relying parties, browser sessions, codes, continuations, consents, logout deliveries.

Only adds: the previous version runs beside it, and what it writes takes the defaults.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("clients", sa.Column("relying_party", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("users", sa.Column("details", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("users", sa.Column("updated_at", sa.BigInteger()))
    op.add_column("tenants", sa.Column("look", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("tenants", sa.Column("client_registration", sa.Text(), nullable=False, server_default="off"))
    _browser_sessions()
    _session_clients()
    _authorization_codes()
    _continuations()
    _consents()
    _logout_deliveries()
    _registration_tokens()


def _of_session(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ("tenant_id", "session_id"),
        ("sessions.tenant_id", "sessions.id"),
        name=f"fk_{table}_sessions",
        ondelete="CASCADE",
    )


def _browser_sessions() -> None:
    op.create_table(
        "browser_sessions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("idle_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "session_id", name="pk_browser_sessions"),
        sa.UniqueConstraint("tenant_id", "secret_hash", name="uq_browser_sessions_tenant_id_secret_hash"),
        _of_session("browser_sessions"),
        # Room in each page for the row's next version: a visit then touches no index (HOT).
        postgresql_with={"fillfactor": 70},
    )


def _session_clients() -> None:
    op.create_table(
        "session_clients",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "session_id", "client_id", name="pk_session_clients"),
        _of_session("session_clients"),
    )


def _authorization_codes() -> None:
    op.create_table(
        "authorization_codes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("authenticated_at", sa.BigInteger(), nullable=False),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("family_id", sa.Uuid()),
        sa.Column("redirect_uri", sa.Text()),
        sa.Column("code_challenge", sa.Text()),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text()),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("acr", sa.Text()),
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("consumed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant_id", "code_hash", name="pk_authorization_codes"),
        # Each row changes once, when its code is used.
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_authorization_codes_tenant_id_expires_at", "authorization_codes", ["tenant_id", "expires_at"])


def _continuations() -> None:
    op.create_table(
        "continuations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("handle_hash", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text()),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text()),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Uuid()),
        sa.Column("done", sa.Text(), nullable=False),
        sa.Column("denied", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "handle_hash", name="pk_continuations"),
    )
    op.create_index("ix_continuations_tenant_id_expires_at", "continuations", ["tenant_id", "expires_at"])


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", "client_id", name="pk_consents"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "user_id"), ("users.tenant_id", "users.id"), name="fk_consents_users", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ("tenant_id", "client_id"),
            ("clients.tenant_id", "clients.id"),
            name="fk_consents_clients",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_consents_tenant_id_client_id", "consents", ["tenant_id", "client_id"])


def _logout_deliveries() -> None:
    op.create_table(
        "logout_deliveries",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("send_after", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_logout_deliveries"),
    )
    op.create_index("ix_logout_deliveries_tenant_id_created_at", "logout_deliveries", ["tenant_id", "created_at"])
    op.create_index(
        "ix_logout_deliveries_open",
        "logout_deliveries",
        ["tenant_id", "send_after"],
        postgresql_where=sa.text("outcome IS NULL"),
        sqlite_where=sa.text("outcome IS NULL"),
    )


def _registration_tokens() -> None:
    op.create_table(
        "registration_tokens",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("uses_left", sa.Integer()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_registration_tokens"),
        sa.UniqueConstraint("tenant_id", "secret_hash", name="uq_registration_tokens_tenant_id_secret_hash"),
    )
    op.create_index("ix_registration_tokens_tenant_id_expires_at", "registration_tokens", ["tenant_id", "expires_at"])
