"""The SQL stores, on SQLite and PostgreSQL alike: one file per aggregate, with its table and its statements.

Statements are built once, with tenant_id first in every key. Nothing outside this package imports SQLAlchemy.
"""
