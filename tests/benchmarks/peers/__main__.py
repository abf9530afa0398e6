"""Passengers per second beside the jobs per second of other tools: Huey, Procrastinate, DBOS.

What works on SQLite is durable at each commit (FULL, fsync); on PostgreSQL all use one server that waits for the disk.
The tools are installed from the package index when they are first wanted, into an environment of their own in `build/`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import subprocess
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from databus_core.garbage import collect_seldom
from tests.benchmarks.trips import IN_A_FILE, rate, started
from tests.support.servers import WANTED, private_postgresql

ENVIRONMENT = Path(__file__).parents[3] / "build" / "peers-venv"
TOOLS = ["huey==3.*", "procrastinate==3.*", "dbos", "psycopg[binary]"]
COMPARED = [
    ("Databus, SQLite, each", "Huey, SQLite"),
    ("Databus, SQLite, grouped", "Huey, SQLite"),
    ("Databus, PostgreSQL, each", "DBOS, PostgreSQL"),
    ("Databus, PostgreSQL, each", "Procrastinate, PostgreSQL"),
    ("Databus, PostgreSQL, grouped", "Procrastinate, PostgreSQL"),
    ("Databus, PostgreSQL, grouped", "Procrastinate, batches"),
]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="dev.py bench peers", description=__doc__)
    parser.add_argument("--passengers", type=int, default=5000, help="of Databus, a round (5000)")
    parser.add_argument("--jobs", type=int, default=1000, help="of each other tool, a round (1000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    arguments = parser.parse_args()
    os.environ[WANTED] = "1"
    collect_seldom()
    python, best = _environment(), dict[str, float]()
    with private_postgresql() as server:
        measuring = Measuring(python, make_url(server.url), arguments.passengers, arguments.jobs)
        for _ in range(arguments.rounds):
            for name, found in measuring.round().items():
                best[name] = max(found, best.get(name, 0.0))
    for name, found in best.items():
        print(f"{name:30} {found:8.0f} a second")
    for ours, theirs in COMPARED:
        print(f"{ours}: {best[ours] / best[theirs]:.1f} times {theirs}")


class Measuring:
    """Lets all of them work in turn, each in a database of its own."""

    def __init__(self, python: Path, server: URL, passengers: int, jobs: int) -> None:
        self._python, self._server = python, server
        self._passengers, self._jobs = passengers, jobs
        self._databases = itertools.count()

    def round(self) -> dict[str, float]:
        """What each does in a second."""
        with tempfile.TemporaryDirectory() as folder:
            return {
                "Huey, SQLite": self._peer("huey_peer", str(Path(folder) / "huey.sqlite")),
                "Procrastinate, PostgreSQL": self._peer("procrastinate_peer", self._address("postgresql")),
                "Procrastinate, batches": self._peer("procrastinate_peer", self._address("postgresql"), "together"),
                "DBOS, PostgreSQL": self._peer("dbos_peer", self._address("postgresql+psycopg")),
                **{
                    f"Databus, {where}, {mode}": asyncio.run(self._databus(Path(folder) / f"{where} {mode}", mode, url))
                    for where, url in (("SQLite", lambda: IN_A_FILE), ("PostgreSQL", self._address))
                    for mode in ("each", "grouped")
                },
            }

    def _peer(self, name: str, address: str, *others: str) -> float:
        program = Path(__file__).with_name(f"{name}.py")
        command = [str(self._python), str(program), address, str(self._jobs), *others]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])

    async def _databus(self, folder: Path, mode: str, url: Callable[[], str]) -> float:
        dispatcher = await started(folder, mode, url())
        found = await rate(dispatcher, self._passengers)
        await dispatcher.shut_down()
        return found

    def _address(self, driver: str = "") -> str:
        """Of a new database on the server."""
        name = f"bench_{next(self._databases)}"
        with create_engine(self._server, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = self._server.set(database=name)
        return (url.set(drivername=driver) if driver else url).render_as_string(hide_password=False)


def _environment() -> Path:
    """The interpreter of an environment that has the other tools."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *TOOLS], check=True)
    return python


if __name__ == "__main__":
    main()
