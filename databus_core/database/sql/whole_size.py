"""How large the whole database is: with its indexes, and with what is free in it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, func, literal, select, text

from databus_core.database.sql.tables import Tables

_BESIDE = ("", "-wal")
"""What SQLite's files are called behind the file's name."""

_SUMS = {
    "mysql": "SELECT sum(data_length + index_length) FROM information_schema.tables WHERE table_schema = {schema}",
    "mssql": """
        SELECT 8192 * sum(p.reserved_page_count) FROM sys.dm_db_partition_stats p
        JOIN sys.objects o ON o.object_id = p.object_id WHERE schema_name(o.schema_id) = {schema}
    """,
}
_PRESENT_SCHEMA = {"mysql": "database()", "mssql": "schema_name()"}


def file_size(file: Path) -> int:
    """Bytes of a file of SQLite, with what was written lately."""
    files = (file.with_name(file.name + end) for end in _BESIDE)
    return sum(each.stat().st_size for each in files if each.exists())


def server_size(connection: Connection, tables: Tables) -> int:
    """Bytes of the tables on a server, about: some servers count now and then only."""
    dialect, schema = connection.dialect.name, tables.metadata.schema
    if dialect == "postgresql":
        sizes = [func.pg_total_relation_size(literal(table.fullname)) for table in tables.metadata.sorted_tables]
        return sum(map(int, connection.execute(select(*sizes)).one()))
    dialect = "mysql" if dialect == "mariadb" else dialect
    query = _SUMS[dialect].format(schema=":schema" if schema else _PRESENT_SCHEMA[dialect])
    return int(connection.execute(text(query), {"schema": schema} if schema else {}).scalar() or 0)
