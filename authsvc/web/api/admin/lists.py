"""What every list of the admin API takes in its query."""

from typing import Annotated

from fastapi import Query

from authsvc.web.paging import MAX_CURSOR_CHARACTERS, MAX_LIMIT

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many.")]
Cursor = Annotated[
    str | None, Query(max_length=MAX_CURSOR_CHARACTERS, description="The `next_cursor` of the page before.")
]
