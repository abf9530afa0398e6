"""Every database engine that the contract suite runs on: one line each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databus_core.model.holder import Holder
from databus_core.plugins.database import Database, DatabaseContext
from databus_core.plugins.factory import Factory

REPOSITORY = Path(__file__).parents[2]


def ignore(message: str) -> None:
    """A report that nobody looks at."""


@dataclass(frozen=True)
class Engine:
    """A database engine with the arguments that a test runs it with; its data lie in the test's own folder."""

    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return self.module.rpartition(".")[2]

    def make(
        self,
        folder: Path,
        report: Callable[[str], None] = ignore,
        remark: Callable[[str], None] = ignore,
        **arguments: Any,
    ) -> Database:
        """A database in that folder, not yet open."""
        given = {**self.arguments, **arguments}
        context = DatabaseContext(folder=folder, arguments=given, report=report, remark=remark)
        return Factory().create(Database, self.module, context)

    def opened(self, folder: Path, report: Callable[[str], None] = ignore, *, reading: bool = False) -> Database:
        """A database in that folder, open."""
        database = self.make(folder, report)
        database.open(None if reading else Holder("tests"))
        return database

    def start(self, task: str, folder: Path) -> subprocess.Popen[str]:
        """A child process that does a task of tests/support/database_process.py, and tells of it line by line."""
        program = [sys.executable, "-m", "tests.support.database_process"]
        words = [task, self.module, json.dumps(dict(self.arguments)), str(folder)]
        return subprocess.Popen([*program, *words], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


JSON_FILES = Engine("databus_core.database.json_files")

ENGINES = [
    JSON_FILES,
]
