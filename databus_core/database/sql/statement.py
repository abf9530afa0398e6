"""Statements that run once per passenger: compiled once, then sent as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain, compress, repeat
from operator import itemgetter, ne
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Table, Update, bindparam, delete, insert, select, update
from sqlalchemy.sql.elements import ClauseElement

from databus_core.database.sql.store import in_bunches

T = TypeVar("T")

AT_ONCE = 25
"""Rows of one INSERT."""
ALIKE = 16
"""From so many rows on that change in the same way, a statement that names them all is worth its making."""


class Statement:
    """Run with many rows at once. Values are what the driver takes: no type converts them.

    Compiling and binding anew, as SQLAlchemy does for each execution, costs a third of SQLite's own time.
    """

    def __init__(self, statement: ClauseElement, names: Sequence[str], dialect: Dialect) -> None:
        """`names` are the statement's parameters in the order in which each row gives their values."""
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._names = list(names)
        order: list[str] | None = getattr(compiled, "positiontup", None)
        self._named = order is None
        self._pick = (
            itemgetter(*(self._names.index(name) for name in order)) if order not in (None, self._names) else None
        )

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute for each row; harmless without any."""
        if rows:
            connection.exec_driver_sql(self._text, self._values(rows))

    def change(self, connection: Connection, row: tuple[Any, ...]) -> int:
        """Execute for that one; answers how many rows of the table it met."""
        return connection.exec_driver_sql(self._text, self._values([row])[0]).rowcount

    def fetch(self, connection: Connection, row: tuple[Any, ...]) -> Sequence[Any]:
        """Execute for that one; answers the first column of what it finds."""
        return connection.exec_driver_sql(self._text, self._values([row])[0]).scalars().all()

    def _values(self, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self._named:
            return [dict(zip(self._names, row, strict=True)) for row in rows]
        if self._pick is not None:
            return [self._pick(row) for row in rows]
        return list(rows)


class Inserting:
    """INSERT of rows, several in one statement while there are enough: that saves a third of the time of short rows."""

    def __init__(self, table: Table, dialect: Dialect, *columns: str) -> None:
        """Each row gives the values of these columns, or of all of them in the table's order."""
        self._table, self._dialect = table, dialect
        self._names = columns or tuple(column.name for column in table.columns)
        self._one = inserting(table, dialect, *self._names)

    @cached_property
    def _several(self) -> Statement:
        """Made when it is first needed: it takes as long as opening a database."""
        named = [{name: f"{name}_{number}" for name in self._names} for number in range(AT_ONCE)]
        rows: list[dict[str, Any]] = [{name: bindparam(key) for name, key in row.items()} for row in named]
        return Statement(
            insert(self._table).values(rows), [key for row in named for key in row.values()], self._dialect
        )

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert them; harmless without any."""
        whole = len(rows) - len(rows) % AT_ONCE
        if whole:
            together = [tuple(chain.from_iterable(rows[at : at + AT_ONCE])) for at in range(0, whole, AT_ONCE)]
            self._several.run(connection, together)
        self._one.run(connection, rows[whole:])


Which: TypeAlias = "tuple[bool, ...]"
"""For each of some columns, whether a row differs in it from what is stored."""


class Differences:
    """Rows that differ from what is stored, in some columns or in the first ones of these."""

    def __init__(self) -> None:
        self.alike: defaultdict[tuple[tuple[Any, ...], tuple[Any, ...]], list[int]] = defaultdict(list)
        """Their keys, by what the first columns were and what they are to be."""
        self.alone: defaultdict[Which, list[tuple[Any, ...]]] = defaultdict(list)
        """The values that are different, and the key."""

    def add_alike(self, before: tuple[Any, ...], after: tuple[Any, ...], key: int) -> None:
        """The row of that key, when others may change in the same way."""
        self.alike[before, after].append(key)

    def add(self, before: tuple[Any, ...], after: tuple[Any, ...], key: int) -> None:
        """The row of that key, when hardly another one changes in the same way."""
        which = _which_differ(before, after)
        self.alone[which].append((*compress(after, which), key))


def _which_differ(before: tuple[Any, ...], after: tuple[Any, ...]) -> Which:
    return tuple(map(ne, before, after))


class Updates:
    """UPDATEs that name only what differs: a database rewrites each index of a column that is named, changed or not.

    Rows that change in the same way are named in one statement, which costs a quarter of one for each.
    """

    def __init__(self, table: Table, dialect: Dialect, columns: Sequence[str]) -> None:
        """`columns` are those of the rows that differ, in their order."""
        self._table, self._dialect, self._columns = table, dialect, columns
        self._statements: dict[tuple[Which, int], Statement] = {}

    def run(self, connection: Connection, differences: Differences) -> None:
        """Change the rows."""
        for (before, after), keys in differences.alike.items():
            which = _which_differ(before, after)
            values = tuple(compress(after, which))
            if len(keys) < ALIKE:
                differences.alone[which] += [(*values, key) for key in keys]
                continue
            for some in in_bunches(keys):
                filled = _filled(some)
                self._statement(which, len(filled)).run(connection, [(*values, *filled)])
        for which, rows in differences.alone.items():
            if True in which:
                self._statement(which, 1).run(connection, rows)

    def _statement(self, which: Which, count: int) -> Statement:
        if (which, count) not in self._statements:
            table, columns = self._table, list(compress(self._columns, which))
            names = [f"key_{number}" for number in range(count)]
            keys: list[ColumnElement[int]] = [bindparam(name) for name in names]
            values: dict[str, Any] = {name: bindparam(f"value_{name}") for name in columns}
            statement = _setting(table, values).where(table.c.id.in_(keys))
            named = [*(f"value_{name}" for name in columns), *names]
            self._statements[which, count] = Statement(statement, named, self._dialect)
        return self._statements[which, count]


class Among:
    """Which of some values a column has, in rows of one client."""

    def __init__(self, client_id: ColumnElement[int], column: ColumnElement[str], dialect: Dialect) -> None:
        self._client_id, self._column, self._dialect = client_id, column, dialect
        self._statements: dict[int, Statement] = {}

    def found(self, connection: Connection, client_id: int, values: Sequence[str]) -> set[str]:
        """Those values that are there."""
        found: set[str] = set()
        for some in in_bunches(values):
            filled = _filled(some)
            if len(filled) not in self._statements:
                self._statements[len(filled)] = self._of(len(filled))
            found.update(self._statements[len(filled)].fetch(connection, (client_id, *filled)))
        return found

    def _of(self, length: int) -> Statement:
        names = [f"value_{number}" for number in range(length)]
        values = [bindparam(name, type_=self._column.type) for name in names]
        query = select(self._column).where(self._client_id == bindparam("client"), self._column.in_(values))
        return Statement(query, ["client", *names], self._dialect)


def _filled(values: Sequence[T]) -> list[T]:
    """Values for a statement that names so many: there are few such numbers, and the last value fills up."""
    return [*values, *repeat(values[-1], (1 << (len(values) - 1).bit_length()) - len(values))]


def inserting(table: Table, dialect: Dialect, *columns: str) -> Statement:
    """INSERT of these columns, or of all of them in the table's order."""
    names = columns or tuple(column.name for column in table.columns)
    statement = insert(table).values({name: bindparam(name) for name in names})
    return Statement(statement, names, dialect)


def updating(table: Table, dialect: Dialect, columns: Sequence[str], keys: Sequence[str]) -> Statement:
    """UPDATE of columns in the row of these keys; each row gives first the columns, then the keys."""
    return _updating(table, dialect, {name: bindparam(f"value_{name}") for name in columns}, keys)


def adding(table: Table, dialect: Dialect, columns: Sequence[str], keys: Sequence[str]) -> Statement:
    """UPDATE that adds to columns in the row of these keys; each row gives first the summands, then the keys."""
    return _updating(table, dialect, {name: table.c[name] + bindparam(f"value_{name}") for name in columns}, keys)


def deleting(table: Table, dialect: Dialect, key: str) -> Statement:
    """DELETE of the rows with that key."""
    return Statement(delete(table).where(table.c[key] == bindparam("key")), ["key"], dialect)


def _updating(
    table: Table, dialect: Dialect, values: Mapping[str, ColumnElement[Any]], keys: Sequence[str]
) -> Statement:
    statement = _setting(table, values)
    for key in keys:
        statement = statement.where(table.c[key] == bindparam(f"key_{key}"))
    return Statement(statement, [*(f"value_{name}" for name in values), *(f"key_{key}" for key in keys)], dialect)


def _setting(table: Table, values: Mapping[str, ColumnElement[Any]]) -> Update:
    """Their order is that of the parameters."""
    return update(table).ordered_values(*((table.c[name], value) for name, value in values.items()))
