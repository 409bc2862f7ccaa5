"""The SQL of one refresh and nothing else, by psycopg in threads, on the tables and families that authsvc made.

`refresh_sql.py DATABASE_URL THREADS SECONDS` prints transactions per second. Each thread has a connection and a
family of its own, as each client of the comparison has.
"""

import secrets
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

# What authsvc runs per refresh (storage/sql/families.py): the family with its owner in autocommit, then one
# transaction with the rotation. To be kept equal; `log_statement=all` shows what the server really runs.
FIND: LiteralString = """
SELECT f.id, f.session_id, f.user_id, f.client_id, f.scopes, f.resources, f.current_hash, f.previous_hash,
       f.generation, f.rotated_at, f.created_at, f.idle_expires_at, f.expires_at, f.ended_at,
       s.id, s.user_id, s.client_id, s.authenticated_at, s.amr, s.expires_at, s.ended_at, u.disabled_at
FROM refresh_families f
JOIN sessions s ON s.tenant_id = f.tenant_id AND s.id = f.session_id
JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
WHERE f.tenant_id = %(tenant)s AND f.id = %(which)s
"""
ROTATE: LiteralString = """
UPDATE refresh_families
SET current_hash = %(successor_hash)s, previous_hash = current_hash, generation = generation + 1, rotated_at = %(now)s,
    idle_expires_at = %(idle_expires_at)s, over_at = %(over_at)s
WHERE tenant_id = %(tenant)s AND id = %(which)s AND current_hash = %(presented_hash)s AND generation = %(generation)s
  AND ended_at IS NULL AND idle_expires_at > %(now)s AND expires_at > %(now)s
RETURNING generation
"""
STATEMENTS: tuple[LiteralString, ...] = (FIND, "BEGIN", ROTATE, "COMMIT")

NEWEST: LiteralString = """
SELECT tenant_id AS tenant, id AS which, current_hash AS presented_hash, generation, rotated_at AS now,
       idle_expires_at, over_at
FROM refresh_families WHERE ended_at IS NULL ORDER BY created_at DESC LIMIT %s
"""


def refreshes(database_url: str, family: Mapping[str, Any], until: float) -> int:
    """How many refreshes of this family one connection makes until then."""
    values = dict(family)
    width = len(values["presented_hash"])
    count = 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        while time.monotonic() < until:
            values["successor_hash"] = secrets.token_hex(width)[:width]
            for statement in STATEMENTS:
                cursor = connection.execute(statement, values if "%" in statement else None)
                if statement is FIND or statement is ROTATE:
                    rows = cursor.fetchall()
                    if len(rows) != 1:
                        message = "the family is gone"
                        raise RuntimeError(message)
            values["presented_hash"] = values["successor_hash"]
            values["generation"] += 1
            count += 1
    return count


def main(database_url: str, threads: int, seconds: float) -> float:
    """Transactions per second over all threads."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        found = connection.execute(NEWEST, (threads,)).fetchall()
    if len(found) < threads:
        message = f"{threads} threads need as many families; there are {len(found)}"
        raise RuntimeError(message)
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(lambda family: refreshes(database_url, family, began + seconds), found))
    return total / (time.monotonic() - began)


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])):.3f}\n")
