"""Every database engine that the contract suite runs on: one line each."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databus_core.model.holder import Holder
from databus_core.plugins.database import Database, DatabaseContext, unwatched
from databus_core.plugins.factory import Factory
from tests.support.servers import url_of

REPOSITORY = Path(__file__).parents[2]


def ignore(message: str) -> None:
    """A report that nobody looks at."""


@dataclass(frozen=True)
class Engine:
    """A database engine with the arguments that a test runs it with; its data lie in the test's own folder, or on a
    server in a schema that belongs to that folder."""

    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    server: str = ""
    """Kind of server that it runs on, see servers.py; empty when it needs none."""

    def __str__(self) -> str:
        return self.name or self.module.rpartition(".")[2]

    def require(self) -> None:
        """Skip the test where this engine cannot be had."""
        if self.server:
            url_of(self.server)

    def arguments_in(self, folder: Path) -> dict[str, Any]:
        """The arguments with which its data are those of that folder."""
        if not self.server:
            return dict(self.arguments)
        schema = f"t_{hashlib.sha1(bytes(folder), usedforsecurity=False).hexdigest()[:16]}"
        return {**self.arguments, "url": url_of(self.server), "schema": schema}

    def place(self, folder: Path) -> str:
        """What a database says of where it is."""
        return self.arguments_in(folder)["schema"] if self.server else str(folder)

    def make(
        self,
        folder: Path,
        report: Callable[[str], None] = ignore,
        remark: Callable[[str], None] = ignore,
        on_indexed: Callable[[], None] = unwatched,
        **arguments: Any,
    ) -> Database:
        """A database in that folder, not yet open."""
        given = {**self.arguments_in(folder), **arguments}
        context = DatabaseContext(folder=folder, arguments=given, report=report, remark=remark, on_indexed=on_indexed)
        return Factory().create(Database, self.module, context)

    def opened(self, folder: Path, report: Callable[[str], None] = ignore, *, reading: bool = False) -> Database:
        """A database in that folder, open."""
        database = self.make(folder, report)
        database.open(None if reading else Holder("tests"))
        return database

    def start(self, task: str, folder: Path) -> subprocess.Popen[str]:
        """A child process that does a task of tests/support/database_process.py, and tells of it line by line."""
        program = [sys.executable, "-m", "tests.support.database_process"]
        words = [task, self.module, json.dumps(self.arguments_in(folder)), str(folder)]
        return subprocess.Popen([*program, *words], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


JSON_FILES = Engine("databus_core.database.json_files")
SQL = "databus_core.database.sql"
SQLITE = Engine(SQL, name="sqlite")
POSTGRESQL = Engine(SQL, name="postgresql", server="postgresql")
MARIADB = Engine(SQL, name="mariadb", server="mariadb")
SQL_SERVER = Engine(SQL, name="mssql", server="mssql")

ENGINES = [
    JSON_FILES,
    SQLITE,
    POSTGRESQL,
    MARIADB,
    SQL_SERVER,
]
