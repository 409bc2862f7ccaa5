"""Every migration after the first only adds: the version before it runs on, beside the new one and after going back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSIONS = Path(__file__).parents[3] / "authsvc/storage/sql/migrations/versions"
ADDING = {"create_table", "create_index", "add_column"}
IMPORTS = {"import sqlalchemy as sa", "from alembic import op"}


def faults(source: str) -> Iterator[str]:
    """What in a migration could break the version before it, or the work of those that use the tables meanwhile."""
    module = ast.parse(source)
    made = {_name(call) for call in _calls(module, "create_table")}
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom) and ast.unparse(node) not in IMPORTS:
            yield f"{ast.unparse(node)}: only {' and '.join(sorted(IMPORTS))}"
    verbs = {id(node.value): node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and node.id == "op" and verbs.get(id(node)) not in ADDING:
            yield f"line {node.lineno}: op.{verbs.get(id(node))} does not only add"
    for call in _calls(module, "add_column"):
        yield from _of_column(call)
    for call in _calls(module, "create_index"):
        if _has(call, "unique", True) and _name(call, 1) not in made:
            yield f"line {call.lineno}: a unique index may refuse what the version before writes"


def _of_column(call: ast.Call) -> Iterator[str]:
    columns = [each for each in call.args if isinstance(each, ast.Call)]
    if len(columns) != 1 or ast.unparse(columns[0].func) != "sa.Column":
        yield f"line {call.lineno}: one sa.Column is added"
        return
    (column,) = columns
    given = {keyword.arg for keyword in column.keywords}
    if _has(column, "nullable", False) and "server_default" not in given:
        yield f"line {call.lineno}: the version before would write no {_name(column)}: it needs a server default"
    if given - {"nullable", "server_default"}:
        yield f"line {call.lineno}: {', '.join(map(str, given - {'nullable', 'server_default'}))} is more than a column"
    if any(isinstance(each, ast.Call) and "Foreign" in ast.unparse(each.func) for each in column.args):
        yield f"line {call.lineno}: a foreign key may refuse what the version before writes"


def _calls(module: ast.AST, verb: str) -> Iterator[ast.Call]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"op.{verb}":
            yield node


def _name(call: ast.Call, at: int = 0) -> str | None:
    argument = call.args[at] if len(call.args) > at else None
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def _has(call: ast.Call, name: str, value: object) -> bool:
    """Whether the keyword has this value, or one that cannot be read here."""
    for keyword in call.keywords:
        if keyword.arg in (name, None):
            return not isinstance(keyword.value, ast.Constant) or keyword.value.value is value
    return False


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("[0-9]*.py"))[1:], ids=lambda path: path.stem)
def test_a_migration_only_adds(path):
    assert list(faults(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "op.drop_table('users')",
        "op.drop_column('users', 'name')",
        "op.drop_index('ix_users')",
        "op.rename_table('users', 'people')",
        "op.alter_column('users', 'name', new_column_name='called')",
        "op.alter_column('users', 'name', nullable=False)",
        "op.execute('DROP TABLE users')",
        "op.create_unique_constraint('uq', 'users', ['name'])",
        "op.create_foreign_key('fk', 'users', 'tenants', ['tenant_id'], ['id'])",
        "op.create_index('ix', 'users', ['name'], unique=True)",
        "op.create_index('ix', 'users', ['name'], unique=UNIQUE)",
        "op.add_column('users', sa.Column('age', sa.Integer(), nullable=False))",
        "op.add_column('users', sa.Column('age', sa.Integer(), **WORDS))",
        "op.add_column('users', sa.Column('age', sa.Integer(), unique=True))",
        "op.add_column('users', sa.Column('of', sa.Uuid(), sa.ForeignKey('tenants.id')))",
        "op.add_column('users', COLUMN)",
        "op.get_bind().execute(TEXT)",
        "with op.batch_alter_table('users') as table: table.drop_column('name')",
        "add = op",
        "from alembic.op import drop_table",
        "import os",
    ],
)
def test_what_would_break_the_version_before_is_found(line):
    assert list(faults(f"import sqlalchemy as sa\nfrom alembic import op\n{line}\n")) != []


@pytest.mark.parametrize(
    "line",
    [
        "op.add_column('users', sa.Column('age', sa.Integer()))",
        "op.add_column('users', sa.Column('age', sa.Integer(), nullable=False, server_default='0'))",
        "op.create_index('ix', 'users', ['name'])",
        "op.create_table('new', sa.Column('id', sa.Uuid()))\nop.create_index('ix', 'new', ['id'], unique=True)",
    ],
)
def test_what_only_adds_is_let_be(line):
    assert list(faults(f"import sqlalchemy as sa\nfrom alembic import op\n{line}\n")) == []
