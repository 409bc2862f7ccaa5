"""The first schema. Instants are microseconds since the epoch; sets, tuples and maps are JSON text."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    _tenants()
    _users()
    _clients()
    _client_origins()
    _resources()
    _signing_keys()
    _sessions()
    _refresh_families()
    _mailed_links()
    _attempts()
    _audit_events()
    _letters()
    _leases()
    _change_feed()


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
        sa.UniqueConstraint("issuer", name="uq_tenants_issuer"),
        sa.UniqueConstraint("host", "path", name="uq_tenants_host_path"),
    )
    op.create_index(
        "ix_tenants_one_default",
        "tenants",
        ["is_default"],
        unique=True,
        postgresql_where=sa.text("is_default"),
        sqlite_where=sa.text("is_default"),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_canonical", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("email_login", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("password_hash", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_users"),
        sa.UniqueConstraint("tenant_id", "username_canonical", name="uq_users_tenant_id_username_canonical"),
        sa.UniqueConstraint("tenant_id", "email_login", name="uq_users_tenant_id_email_login"),
    )


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("auth_method", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("first_party", sa.Boolean(), nullable=False),
        sa.Column("grant_types", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("origins", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("id_token_algorithm", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_clients"),
    )


def _client_origins() -> None:
    op.create_table(
        "client_origins",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "origin", "client_id", name="pk_client_origins"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "client_id"),
            ("clients.tenant_id", "clients.id"),
            name="fk_client_origins_clients",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_client_origins_tenant_id_client_id", "client_origins", ["tenant_id", "client_id"])


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("access_token_seconds", sa.Integer()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "audience", name="pk_resources"),
    )


def _signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("private_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("activates_at", sa.BigInteger(), nullable=False),
        sa.Column("retires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant_id", "kid", name="pk_signing_keys"),
        sa.UniqueConstraint("tenant_id", "algorithm", "ordinal", name="uq_signing_keys_tenant_id_algorithm_ordinal"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("authenticated_at", sa.BigInteger(), nullable=False),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("over_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_sessions"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "user_id"),
            ("users.tenant_id", "users.id"),
            name="fk_sessions_users",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_sessions_tenant_id_over_at", "sessions", ["tenant_id", "over_at"])
    op.create_index("ix_sessions_tenant_id_user_id", "sessions", ["tenant_id", "user_id"])


def _refresh_families() -> None:
    op.create_table(
        "refresh_families",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("current_hash", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text()),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("idle_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("over_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_refresh_families"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "session_id"),
            ("sessions.tenant_id", "sessions.id"),
            name="fk_refresh_families_sessions",
            ondelete="CASCADE",
        ),
        # Room in each page for the row's next version: a rotation then touches no index (HOT).
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_refresh_families_tenant_id_over_at", "refresh_families", ["tenant_id", "over_at"])
    op.create_index("ix_refresh_families_tenant_id_session_id", "refresh_families", ["tenant_id", "session_id"])


def _mailed_links() -> None:
    op.create_table(
        "mailed_links",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("payload_encrypted", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("tenant_id", "purpose", "subject", name="pk_mailed_links"),
        sa.UniqueConstraint("tenant_id", "secret_hash", name="uq_mailed_links_tenant_id_secret_hash"),
        sa.ForeignKeyConstraint(
            ("tenant_id", "user_id"),
            ("users.tenant_id", "users.id"),
            name="fk_mailed_links_users",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_mailed_links_tenant_id_user_id", "mailed_links", ["tenant_id", "user_id"])
    op.create_index("ix_mailed_links_tenant_id_expires_at", "mailed_links", ["tenant_id", "expires_at"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("over_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name="pk_attempts"),
    )
    op.create_index("ix_attempts_tenant_id_over_at", "attempts", ["tenant_id", "over_at"])


def _audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("client_id", sa.Text()),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("address", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_tenant_id_at", "audit_events", ["tenant_id", "at"])
    op.create_index("ix_audit_events_tenant_id_request_id", "audit_events", ["tenant_id", "request_id"])


def _letters() -> None:
    op.create_table(
        "letters",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("content_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("send_after", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_letters"),
    )
    op.create_index("ix_letters_tenant_id_send_after", "letters", ["tenant_id", "send_after"])


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _change_feed() -> None:
    op.create_table(
        "change_feed",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change_feed"),
    )
    op.execute("INSERT INTO change_feed (id, counter) VALUES (1, 0)")
