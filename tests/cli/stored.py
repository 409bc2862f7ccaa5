"""What an installation's SQLite file holds, past all our own code."""

import sqlite3


def rows(site, table: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(site.directory / "var" / "authsvc.db") as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()


def configured(site) -> list[object]:
    return [rows(site, table) for table in ("tenants", "resources", "trusted_issuers", "clients", "change_feed")]
