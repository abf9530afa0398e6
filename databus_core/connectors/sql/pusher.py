"""Pushes the rows of Excel attachments into a table of any SQL database."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from sqlalchemy import URL, Engine, Table, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from databus_core.connectors._shared.files import obstacles
from databus_core.connectors._shared.formats import EXCEL_EXTENSIONS
from databus_core.connectors.sql.excel_rows import Sheet, Value, read_sheet
from databus_core.connectors.sql.table import (
    ATTACHMENT,
    KEY,
    LINE,
    PASSENGER,
    check_columns,
    column_names,
    fitting,
    new_table,
    present_table,
)
from databus_core.errors import DatabusError
from databus_core.model.passenger import Passenger
from databus_core.plugins.plugin import Arguments, PluginContext
from databus_core.plugins.pusher import Pusher

SECONDS_TO_WAIT_FOR_SQLITE = 30


class SqlPusherArguments(Arguments):
    """Which table, and what of the sheet goes where."""

    url: str = Field(
        min_length=1,
        description="Database, as SQLAlchemy writes it, like sqlite:///orders.sqlite or "
        "postgresql+psycopg://user@host/name. A relative SQLite file starts at the ticket's folder.",
    )
    password: str = Field(
        default="", description="Password, where the URL has none.", json_schema_extra={"format": "password"}
    )
    table: str = Field(min_length=1, description="Table; made when it is missing.")
    db_schema: str = Field(default="", description="Schema of the table, where the database has schemas.")
    sheet: str = Field(default="", description="Name of the sheet; the first one if empty.")
    columns: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="Headers and the columns they go to; further headers are left out, missing ones are an error. "
        "If empty, every header goes to a column called like it, in lower case and with _ for blanks.",
    )

    @field_validator("columns")
    @classmethod
    def _columns_are_distinct(cls, columns: dict[str, str]) -> dict[str, str]:
        taken = [*KEY, *columns.values()]
        twice = next((column for column in columns.values() if taken.count(column) > 1), None)
        if twice is not None:
            raise ValueError(f"column {twice!r} is given twice, or is one of {', '.join(KEY)}")
        return columns


class SqlPusher(Pusher):
    """One row per line of each Excel attachment, all rows of a passenger in one transaction.

    A second delivery of the same passenger replaces its rows: they carry the passenger's internal id, the attachment's
    name and the line's row number as `databus_passenger`, `databus_attachment` and `databus_line`.
    """

    Arguments = SqlPusherArguments
    arguments: SqlPusherArguments

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self._url = _url(self.arguments, context.folder)

    def problems(self) -> Iterator[str]:
        """Whether the driver is installed and, for SQLite, the file can be there. Connects to nothing."""
        try:
            _ = self._engine
        except DatabusError as error:
            yield str(error)
        file = _sqlite_file(self._url)
        if file is None:
            return
        if not file.parent.is_dir():
            yield f"The folder {file.parent} of the database {file} is missing; SQLite does not make it"
        elif file.is_dir():
            yield f"The database {file} is a folder"
        else:
            yield from obstacles(file.parent)

    def push(self, passenger: Passenger) -> None:
        """Raises DatabusError when a sheet cannot be read, does not fit the table, or the database refuses it."""
        lines = list(self._lines(passenger))
        if not lines:
            self.log.warning(f"Passenger {passenger} has no Excel line to write to {self.arguments.table}")
        try:
            self._write(passenger, lines)
        except SQLAlchemyError as error:
            raise DatabusError(self._in_words(error)) from None  # the cause may hold the password
        if lines:
            self.log.info(f"Wrote {len(lines)} lines to {self.arguments.table}")

    def close(self) -> None:
        """Closes the connections."""
        if "_engine" in self.__dict__:
            self._engine.dispose()

    @cached_property
    def _engine(self) -> Engine:
        wait = {"timeout": SECONDS_TO_WAIT_FOR_SQLITE} if self._url.get_backend_name() == "sqlite" else {}
        try:
            return create_engine(self._url, hide_parameters=True, connect_args=wait)
        except (ImportError, SQLAlchemyError) as error:
            raise DatabusError(self._in_words(error)) from None

    def _lines(self, passenger: Passenger) -> Iterator[dict[str, Value]]:
        for attachment in passenger.attachments_by_extension(EXCEL_EXTENSIONS):
            sheet = read_sheet(attachment, self.arguments.sheet)
            columns = self._columns(sheet, attachment.name)
            for number, values in sheet.lines:
                line: dict[str, Value] = {PASSENGER: passenger.internal_id, ATTACHMENT: attachment.name, LINE: number}
                pairs = zip(sheet.headers, values, strict=True)
                yield line | {columns[header]: value for header, value in pairs if header in columns}

    def _columns(self, sheet: Sheet, attachment: str) -> dict[str, str]:
        if not self.arguments.columns:
            return column_names(sheet.headers)
        missing = [header for header in self.arguments.columns if header not in sheet.headers]
        if missing:
            raise DatabusError(
                f"Excel attachment {attachment!r} has no column {', '.join(missing)}; it has {', '.join(sheet.headers)}"
            )
        return self.arguments.columns

    def _write(self, passenger: Passenger, lines: list[dict[str, Value]]) -> None:
        columns = list(dict.fromkeys(column for line in lines for column in line if column not in KEY))
        table = self._table({column: [line.get(column) for line in lines] for column in columns}, make=bool(lines))
        if table is None:
            return
        if lines:
            check_columns(table, columns)
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c[PASSENGER] == passenger.internal_id))
            if lines:
                names = [*KEY, *columns]
                rows = [{name: fitting(table.c[name], line.get(name)) for name in names} for line in lines]
                connection.execute(table.insert(), rows)

    def _table(self, columns: dict[str, list[Value]], *, make: bool) -> Table | None:
        name, schema = self.arguments.table, self.arguments.db_schema or None
        with self._engine.connect() as connection:
            table = present_table(connection, name, schema)
        if table is not None or not make:
            return table
        try:
            new_table(name, schema, columns).create(self._engine)
            self.log.info(f"Made table {name}")
        except SQLAlchemyError:
            with self._engine.connect() as connection:  # another trip may have made it in the meantime
                if present_table(connection, name, schema) is None:
                    raise
        with self._engine.connect() as connection:
            return present_table(connection, name, schema)

    def _in_words(self, error: Exception) -> str:
        text = str(getattr(error, "orig", None) or error)
        if self._url.password:
            text = text.replace(str(self._url.password), "***")
        place = self._url.render_as_string(hide_password=True)
        return f"Table {self.arguments.table} in {place} cannot be written: {text}"


def _url(arguments: SqlPusherArguments, folder: Path) -> URL:
    """Raises ValueError, without the URL's text, which may hold a password."""
    try:
        url = make_url(arguments.url)
    except (ArgumentError, ValueError):
        raise ValueError("argument url: is no database URL; one looks like sqlite:///orders.sqlite") from None
    if arguments.password:
        url = url.set(password=arguments.password)
    file = _sqlite_file(url)
    return url if file is None else url.set(database=str(folder / file))


def _sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database; None for one in memory or given by a URI, and for other engines."""
    file = url.database
    if url.get_backend_name() != "sqlite" or not file or file == ":memory:" or file.startswith("file:"):
        return None
    return Path(file)
