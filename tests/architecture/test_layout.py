"""Import directions are import-linter's (`make check`); these are the rules that it cannot express."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc"}


def test_no_import_hides_from_the_layer_contracts(modules):
    hidden = [
        path
        for path, module in modules.items()
        for node in ast.walk(module)
        if "TYPE_CHECKING" in (getattr(node, "id", None), getattr(node, "attr", None))
    ]
    assert hidden == []


def test_no_module_is_a_drawer(modules):
    assert [path for path in modules if DRAWERS & {*Path(path).with_suffix("").parts}] == []


def test_no_file_is_too_long_to_read(modules):
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in modules}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_too_long_to_read(modules):
    too_long = {
        f"{path}:{node.name}": lines
        for path, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert too_long == {}


def test_every_package_says_what_it_owns(modules):
    packages = [path for path in modules if path.endswith("__init__.py")]
    assert [path for path in packages if not ast.get_docstring(modules[path])] == []


def test_sessions_end_in_one_way(modules):
    """Whoever ends one by the store alone tells none of its clients (domain/sign_in/session_ends.py does)."""
    ends = {
        path
        for path, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and node.attr in {"end", "end_all"}
        and getattr(node.value, "attr", None) == "sessions"
    }
    assert ends == {"authsvc/domain/sign_in/session_ends.py"}
