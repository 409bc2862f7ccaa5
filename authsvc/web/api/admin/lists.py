"""What every list of the admin API takes in its query, and how a whole list is cut into pages."""

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from fastapi import Query

from authsvc.web.paging import MAX_CURSOR_CHARACTERS, MAX_LIMIT

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many.")]
Cursor = Annotated[
    str | None, Query(max_length=MAX_CURSOR_CHARACTERS, description="The `next_cursor` of the page before.")
]
Item = TypeVar("Item")


def page_of(
    items: Iterable[Item], name_of: Callable[[Item], str], after: str | None, limit: int
) -> tuple[list[Item], str | None]:
    """Return the page after a name, in the order of names, and the name to go on after if there is more."""
    left = sorted((item for item in items if after is None or name_of(item) > after), key=name_of)
    return left[:limit], name_of(left[limit - 1]) if len(left) > limit else None
