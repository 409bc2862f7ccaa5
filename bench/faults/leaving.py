"""Rows of a week ago that leave while a run lasts, as many as it makes: as if the service had run for long.

What has ended is kept for a week (sessions, families), a day (audit, at the least setting) or an hour (codes): in an
hour no row of its own would leave, and nobody could say whether purging keeps up.
"""

from bench.faults.gauges import Database

DAY = 86_400
_NOW = "(extract(epoch FROM now()) * 1000000)::bigint"
_SESSION = "md5('leaving ' || {n})::uuid"


def seed(database: Database, seconds: float, counts: dict[str, int]) -> None:
    """Copy the newest row of each table so often; the copies become purgeable evenly over the next `seconds`."""
    owner = f"(1 + (n - 1) * {counts['sessions']} / {counts['refresh_families']})"
    for table, kept, key, changed in (
        ("sessions", 7 * DAY, "over_at", {"id": _SESSION.format(n="n"), "ended_at": "{then}", "over_at": "{then}"}),
        ("refresh_families", 7 * DAY, "over_at", {
            "id": "gen_random_uuid()", "session_id": _SESSION.format(n=owner),
            "ended_at": "{then}", "over_at": "{then}"}),
        ("authorization_codes", 3_600, "expires_at", {
            "code_hash": "md5('leaving ' || n)", "expires_at": "{then}", "consumed_at": "{then}"}),
        ("audit_events", DAY, "at", {"id": "gen_random_uuid()", "at": "{then}"}),
    ):  # fmt: skip
        count = counts[table]
        then = f"{_NOW} - {kept} * 1000000::bigint + (n * {seconds * 1e6 / count})::bigint"
        names = [str(row[0]) for row in database.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'"
            " ORDER BY ordinal_position", (table,)).fetchall()]  # fmt: skip
        values = ", ".join(changed.get(name, f't."{name}"').replace("{then}", then) for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        database.execute(
            f"INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, {count}) AS n,"  # noqa: S608
            f" (SELECT * FROM {table} ORDER BY {key} DESC LIMIT 1) AS t".encode()
        )  # fmt: skip
    database.execute(b"ANALYZE")


def crowd(database: Database, count: int) -> None:
    """Copies of one person, with the same password: people named `many<number>`."""
    names = ("username", "username_canonical")
    columns = [str(row[0]) for row in database.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'users' AND table_schema = 'public'"
    ).fetchall()]  # fmt: skip
    values = ["'many' || n" if name in names else "gen_random_uuid()" if name == "id" else name for name in columns]
    database.execute(
        f"INSERT INTO users ({', '.join(columns)}) SELECT {', '.join(values)} FROM generate_series(1, {count}) AS n,"  # noqa: S608
        " (SELECT * FROM users WHERE username = 'ada0') AS one".encode()
    )  # fmt: skip
