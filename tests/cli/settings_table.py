"""The table of settings in docs/operations.md, from the words in settings.py.

`python tests/cli/settings_table.py` writes it; a test says when it must be written again.
"""

import ast
import inspect
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from authsvc.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def table() -> str:
    rows = "".join(
        f"| `{name}` | {f'`{default}`' if default else ''} | {words} |\n" for name, default, words in _rows(Settings)
    )
    return f"| variable | default | |\n|---|---|---|\n{rows}"


def written() -> str:
    """What the page holds now."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def write() -> None:
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + BEGIN + table() + END + rest.partition(END)[2])


def _rows(
    group: type[BaseModel], prefix: str = "AUTHSVC_", over: Any = None, about: str = ""
) -> Iterator[tuple[str, str, str]]:
    sentences = _sentences(group)
    for name, info in group.model_fields.items():
        default = getattr(over, name) if over is not None else info.default
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            shared = f"{sentences[name].rstrip('.')}: " if name in sentences else ""
            yield from _rows(info.annotation, f"{prefix}{name.upper()}__", default, shared)
        else:
            words = sentences[name]
            yield f"{prefix}{name.upper()}", _shown(default), about + (words[0].lower() + words[1:] if about else words)


def _shown(default: object) -> str:
    if default is None or default == ():
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def _sentences(group: type[BaseModel]) -> Mapping[str, str]:
    """What stands below each setting. Not asked of pydantic: it would read the source at every start of a server."""
    (body,) = (found.body for found in ast.parse(inspect.getsource(group)).body if isinstance(found, ast.ClassDef))
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


if __name__ == "__main__":
    write()
