"""The change feed: one counter that says "something that is cached has changed".

It is raised by the last statement before COMMIT: its row stays locked until then, so that its order is commit order.
"""

from sqlalchemy import BigInteger, Column, Integer, Table, select, update

from authsvc.storage.sql.base import metadata
from authsvc.storage.sql.work import Work

change_feed = Table(
    "change_feed",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("counter", BigInteger, nullable=False),
)

_READ = select(change_feed.c.counter).where(change_feed.c.id == 1)
_RAISE = update(change_feed).where(change_feed.c.id == 1).values(counter=change_feed.c.counter + 1)


def read_counter(work: Work) -> int:
    """Return the counter as it is committed."""
    row = work.row(_READ)
    if row is None:
        message = "change_feed has lost its row: run the migrations"
        raise RuntimeError(message)
    return int(row[0])


def announce(work: Work) -> None:
    """Let this transaction's commit raise the counter, and keep its own reads off the cache. Call before the change."""
    work.require_begun()
    if not work.touched:
        work.touched = True
        work.last_words.append(_RAISE)
