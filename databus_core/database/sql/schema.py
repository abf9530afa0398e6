"""Which version of the tables a database has, and how it gets the present one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy import text as sql
from sqlalchemy.schema import CreateSchema

from databus_core.errors import DatabaseError, NotFoundError

VERSION = "0008"
"""Name of the newest migration; later ones sort after earlier ones."""
VERSION_TABLE = "databus_version"

MIGRATIONS = Path(__file__).parent / "migrations"


def version(connection: Connection, schema: str | None) -> str | None:
    """Version of the tables; None where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE, schema):
        return None
    name = f"{schema}.{VERSION_TABLE}" if schema else VERSION_TABLE
    return connection.execute(sql(f"SELECT version_num FROM {name}")).scalar()  # noqa: S608 - its own name


def require(connection: Connection, schema: str | None, place: str) -> None:
    """Raises NotFoundError where there are no tables, DatabaseError where they are of another version."""
    found = version(connection, schema)
    if found is None:
        raise NotFoundError(f"There is no Databus database in {place}.")
    _refuse_newer(found, place)
    if found < VERSION:
        raise DatabaseError(
            f"{place} was made by an older Databus. Start a dispatcher on it once, which brings it up to date."
        )


def bring_up_to_date(connection: Connection, schema: str | None, place: str, backup: Callable[[], object]) -> None:
    """Make or change the tables; `backup` is called before a change. Raises DatabaseError for a newer version."""
    found = version(connection, schema)
    connection.rollback()
    if found == VERSION:
        return
    if found is not None:
        _refuse_newer(found, place)
        backup()
    _migrate(connection, schema)


def _refuse_newer(found: str, place: str) -> None:
    if found > VERSION:
        raise DatabaseError(
            f"{place} was written by a newer Databus (version {found} of its tables; this one knows {VERSION}). "
            "Use that one, or another database."
        )


def _migrate(connection: Connection, schema: str | None) -> None:
    # Alembic takes a third of a second to load, and is needed once in the life of a version.
    from alembic import command
    from alembic.config import Config

    with connection.begin():
        if schema and connection.dialect.name != "sqlite":
            connection.execute(CreateSchema(schema, if_not_exists=True))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes.update({"connection": connection, "schema": schema, "version_table": VERSION_TABLE})
        command.upgrade(config, "head")
