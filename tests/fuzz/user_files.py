"""Files of users for schemathesis, which cannot guess what stands in them: most can be read in part."""

import csv
import io
import json

import schemathesis
from hypothesis import strategies as st

from authsvc.domain.people.user_rows import FIELDS

_BCRYPT = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"
_FIELDS = sorted(FIELDS - {"username"})
_NAMES = st.sampled_from(["username", *_FIELDS, "password", ""])
_TEXTS = st.sampled_from(["", "ada", "ada@example.com", "true", "false", "en", "1990-01-01", _BCRYPT]) | st.text()
_VALUES = _TEXTS | st.none() | st.booleans() | st.integers() | st.lists(st.integers(), max_size=2)


@st.composite
def _csv_files(draw: st.DrawFn) -> bytes:
    columns = ["username", *draw(st.lists(st.sampled_from(_FIELDS), max_size=5, unique=True))]
    rows = draw(st.lists(st.lists(_TEXTS, max_size=len(columns) + 1), max_size=8))
    file = io.StringIO()
    csv.writer(file).writerows([columns, *rows])
    return file.getvalue().encode(errors="surrogatepass")


@st.composite
def _json_lines(draw: st.DrawFn) -> bytes:
    rows = draw(st.lists(st.dictionaries(_NAMES, _VALUES, max_size=6) | _VALUES, max_size=8))
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


schemathesis.openapi.media_type("text/csv", _csv_files() | st.binary())
schemathesis.openapi.media_type("application/jsonl", _json_lines() | st.binary(), aliases=["application/x-ndjson"])
