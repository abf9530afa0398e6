"""The engine's arguments, and the address that follows from them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Self, cast

from pydantic import Field, SecretStr, model_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from databus_core.model.ticket_path import TicketPath
from databus_core.plugins.plugin import Arguments

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mariadb+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+mssqlpython",
}
"""A short name of a kind of database -> the driver it is reached by."""
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB", "mssql": "SQL Server"}
"""The names that people know."""


class SqlArguments(Arguments):
    """Arguments of SQL databases: a file of SQLite, an address, or the parts of the address of an SQL Server."""

    file: TicketPath = Field(
        default=Path("data/databus.sqlite"),
        validate_default=True,
        description="File of an SQLite database, where no other argument says where the data are; a relative one "
        "starts at the ticket's folder.",
    )
    url: str = Field(default="", description="Address of a server, such as postgresql://user@host:5432/databus.")
    server: str = Field(default="", description="Host of an SQL Server, in place of url.")
    database: str = Field(default="", description="Database on that server.")
    username: str = Field(default="", description="User of the server.")
    password: SecretStr = Field(
        default=SecretStr(""), description="Password on the server.", json_schema_extra={"format": "password"}
    )
    password_variable: str = Field(
        default="", description="Environment variable that has the password, so that it is written down nowhere."
    )
    schema_name: str = Field(
        default="",
        alias="schema",
        pattern=r"^[A-Za-z0-9_]*$",
        description="Schema of the tables: letters, digits, _; the user's own if empty.",
    )

    backup_every: float = Field(
        default=24.0,
        ge=0,
        title="Hours between backups",
        description="A file of SQLite is backed up after so many hours, into the folder backup beside it, if it has "
        "changed; 0: never. Servers are backed up with their own means.",
    )
    backups_kept: int = Field(
        default=3, ge=1, description="So many backups are kept, the newest ones; each needs as much room as the file."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_place(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, Any]", value)
        places = [name for name in ("file", "url", "server") if given.get(name)]
        if len(places) > 1:
            raise ValueError(f"{' and '.join(places)} each say where the data are; give one of them")
        if given.get("password") and given.get("password_variable"):
            raise ValueError("password and password_variable both say what the password is; give one of them")
        if given.get("database") and not given.get("server"):
            raise ValueError("database goes with server; with url, it is part of the url")
        file = re.fullmatch(r"sqlite(?:\+\w+)?:///(.+)", str(given.get("url", "")))
        return {key: each for key, each in given.items() if key != "url"} | {"file": file[1]} if file else given

    @model_validator(mode="after")
    def _is_address(self) -> Self:
        if self.url:
            kind = self.url.partition(":")[0].partition("+")[0]
            if kind not in DRIVERS:
                raise ValueError(f"url begins with {kind!r:.80}; allowed are {', '.join(DRIVERS)}")
            try:
                make_url(self.url)
            except (ArgumentError, ValueError) as error:
                raise ValueError(f"url is no address such as {kind}://user@host:5432/database") from error
        return self

    @property
    def address(self) -> URL:
        """Where the data are, with the driver that Databus uses."""
        if self.server:
            host, _, port = self.server.partition(",")  # as SQL Server's users write it
            url = URL.create(DRIVERS["mssql"], host=host, port=int(port) if port else None, database=self.database)
        elif self.url:
            url = make_url(self.url)
            url = url.set(drivername=DRIVERS[url.get_backend_name()])
        else:
            return URL.create(DRIVERS["sqlite"], database=str(self.file))
        if self.username:
            url = url.set(username=self.username)
        password = self._secret()
        return url.set(password=password) if password else url

    def _secret(self) -> str:
        """The password. Raises ValueError when there is no such variable."""
        if not self.password_variable:
            return self.password.get_secret_value()
        try:
            return os.environ[self.password_variable]
        except KeyError as error:
            raise ValueError(
                f"argument password_variable: the environment has no variable {self.password_variable!r:.80}"
            ) from error
