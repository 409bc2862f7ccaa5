"""The schema's history, for Alembic. A migration is frozen once released: it names tables itself, never the stores'."""
