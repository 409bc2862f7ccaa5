"""What is wrong with a plan of PostgreSQL: it may read more of a table than it is asked for."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """The columns of an index, and whether they name one row at most."""

    columns: tuple[str, ...]
    is_unique: bool


Keys = Mapping[str, Key]

SHORT = {"resources", "signing_keys", "trusted_issuers", "registration_tokens", "user_imports"}
"""Tables of which a tenant has a few rows, so that all of them may be read."""
STILL = {"change_feed", "leases"}
"""Tables that do not grow."""
MANY_ROWS = 50
"""What a plan may read in vain."""
_BY_INDEX = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}
_READS_ALL = {"Sort", "Incremental Sort", "Aggregate", "Hash", "WindowAgg", "Unique", "Bitmap Heap Scan"}


def keys_of(connection: psycopg.Connection[Any]) -> Keys:
    """Return the indexes of the database."""
    rows = connection.execute(
        "SELECT indexrelid::regclass::text, array_agg(attname::text ORDER BY attnum), bool_and(indisunique)"
        " FROM pg_index JOIN pg_attribute ON attrelid = indexrelid GROUP BY 1"
    )
    return {name: Key(tuple(columns), is_unique) for name, columns, is_unique in rows}


def faults(plan: Node, keys: Keys) -> list[str]:
    """Say each place where the cost may grow with the table instead of with what is found."""
    return list(_faults(plan, _Way(keys)))


def indexes(plan: Node) -> set[str]:
    """Return the names of the indexes that the plan uses."""
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    found |= set(plan.get("Conflict Arbiter Indexes", ()))
    for part in plan.get("Plans", ()):
        found |= indexes(part)
    return found


def buffers(plan: Node) -> int:
    """Return how many pages the plan touched, as EXPLAIN (ANALYZE, BUFFERS) counts them."""
    return int(plan.get("Shared Hit Blocks", 0)) + int(plan.get("Shared Read Blocks", 0))


@dataclass(frozen=True, slots=True)
class _Way:
    """What a node inherits from those above it."""

    keys: Keys
    stops_early: bool = False
    table: str = ""
    asked: str = ""
    """The filter of the table."""


def _faults(node: Node, above: _Way) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", above.table)
    stops = kind == "Limit" or (above.stops_early and kind not in _READS_ALL)
    way = _Way(above.keys, stops, table, f"{node.get('Filter', '')}{above.asked if 'Index Name' in node else ''}")
    if kind == "Seq Scan" and table not in STILL:
        yield f"Seq Scan on {table}"
    elif kind in _BY_INDEX and table not in STILL | SHORT:
        yield from _of_index(node, way)
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    removed *= node.get("Actual Loops", 1)  # It is told for one of them.
    if removed > MANY_ROWS:
        yield f"{kind} on {table}: {removed} rows read in vain"
    for part in node.get("Plans", ()):
        yield from _faults(part, way)


def _of_index(node: Node, way: _Way) -> Iterator[str]:
    """An index is used well to its end, or by all that is asked for, or by the tenant alone for a page in its order."""
    name, condition = node["Index Name"], node.get("Index Cond", "")
    compared = re.findall(r"\((?:\w+\.)?(\w+) [<=>]+ ", condition)
    exact = set(re.findall(r"\((?:\w+\.)?(\w+) = ", condition))
    key = way.keys[name]
    if key.is_unique and set(key.columns) <= exact:
        return
    beginning = [*itertools.takewhile(lambda column: column in compared, key.columns)]
    is_page = way.stops_early and not way.asked
    if not beginning and not (is_page and way.table == "tenants"):
        yield f"{name}: from its beginning"
    elif beginning == ["tenant_id"] and not is_page:
        yield f"{name}: all rows of a tenant"
    elif missing := re.findall(r"\((\w+) = [($']", way.asked):
        yield f"{name}: without {', '.join(missing)}"
