"""A statement written once for one database: its text, and how values go in and come out.

SQLAlchemy builds and writes the statements; the driver runs them. Its own execution costs more than a SQLite query
does (docs/decisions/0002), and every request pays for several.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Delete, Dialect, Insert, Select, Update
from sqlalchemy.engine.interfaces import DBAPICursor as Cursor

Statement = Select[Any] | Insert | Update | Delete
Values = Sequence[Any]
"""One row: the selected columns in order."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The text of a statement. `binders` in the order of its placeholders; `readers` only where a value changes."""

    sql: str
    positional: bool
    binders: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    constants: dict[str, Any]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]

    def run(self, cursor: Cursor, parameters: dict[str, Any]) -> None:
        """Execute with these values; a missing one is a KeyError."""
        given = self.constants | parameters
        if self.positional:
            cursor.execute(
                self.sql, [given[name] if bind is None else bind(given[name]) for name, bind in self.binders]
            )
        else:
            values = {name: given[name] if bind is None else bind(given[name]) for name, bind in self.binders}
            cursor.execute(self.sql, values)

    def read(self, cursor: Cursor) -> list[Values]:
        """Fetch all rows as the columns' types say."""
        rows = cursor.fetchall()
        return [self._converted(row) for row in rows]

    def _converted(self, row: Values) -> Values:
        values = list(row)
        for index, convert in self.readers:
            values[index] = convert(values[index])
        return values


def prepare(statement: Statement, dialect: Dialect) -> Prepared:
    """Write the statement in this database's SQL."""
    compiled = statement.compile(dialect=dialect)
    names = compiled.positiontup if compiled.positional else dict.fromkeys(compiled.bind_names.values())
    binders = []
    constants = {}
    for name in names or ():
        parameter = compiled.binds[name]
        binders.append((name, parameter.type.dialect_impl(dialect).bind_processor(dialect)))
        if not parameter.required:
            constants[name] = parameter.value
    readers = []
    for index, column in enumerate(statement.exported_columns):
        convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if convert is not None:
            readers.append((index, convert))
    return Prepared(str(compiled), bool(compiled.positional), tuple(binders), constants, tuple(readers))
