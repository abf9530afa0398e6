"""Database servers for tests: Debian's own, unprivileged, in a temporary folder, gone with the tests.

They run where `dev.py test --servers` asked for them. They need not survive a power cut, so they do not wait for the
disk; what is tested is that Databus survives, and that is another process.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, exc, text
from sqlalchemy.pool import NullPool

WANTED = "DATABUS_TEST_SERVERS"
"""Environment variable that `dev.py test --servers` sets."""
SQL_SERVER = "DATABUS_TEST_SQLSERVER"
"""Environment variable with the address of an SQL Server, for who has one."""

START_SECONDS = 60

_running: list[Server] = []


class Server:
    """One running server."""

    def __init__(self, url: str, command: Sequence[str | Path], user: str, folder: Path) -> None:
        self.url = url
        self._command = command
        self._user = user
        self._folder = folder
        self.process = self.start()
        _running.append(self)

    def start(self) -> subprocess.Popen[bytes]:
        """Start it (again), and wait until it answers."""
        with (self._folder / "output").open("ab") as output:
            self.process = _as_user(self._user, self._command, output)
        engine = create_engine(self.url, poolclass=NullPool)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                engine.connect().close()
                return self.process
            except exc.DBAPIError:
                if self.process.poll() is not None or time.monotonic() > until:
                    said = (self._folder / "output").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{self._command[0]} does not start: {said}") from None
                time.sleep(0.1)

    def kill(self) -> None:
        """As if somebody pulled the plug."""
        self.process.kill()
        self.process.wait()

    def cut_connections(self) -> None:
        """As a firewall does it with those that it finds too old; PostgreSQL only."""
        engine = create_engine(self.url, poolclass=NullPool)
        cut = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'Databus'")
        with engine.connect() as connection:
            connection.execute(cut)

    def remove(self) -> None:
        """Stop it, and delete what it has."""
        _running.remove(self)
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def remove_servers() -> None:
    """Stop all that this process has started, and delete what they have."""
    for server in _running:
        server.kill()
    for server in [*_running]:
        server.remove()


atexit.register(remove_servers)


@functools.cache
def server(kind: str) -> Server:
    """The server of that kind, started when it is first asked for. Skips the test where there is none."""
    _require(kind)
    return {"postgresql": _postgresql, "mariadb": _mariadb}[kind]()


def _require(kind: str) -> None:
    if not os.environ.get(WANTED):
        pytest.skip(f"{kind} runs with `dev.py test --servers`")


@contextmanager
def private_postgresql() -> Generator[Server]:
    """A server that a test may kill. Skips the test where there is none."""
    _require("postgresql")
    server = _postgresql(durable=True)
    try:
        yield server
    finally:
        server.remove()


def url_of(kind: str) -> str:
    """The address of a server of that kind."""
    if kind == "mssql":
        return os.environ.get(SQL_SERVER) or pytest.skip(f"SQL Server runs where {SQL_SERVER} has its address")
    return server(kind).url


def _postgresql(*, durable: bool = False) -> Server:
    binaries = _folder_of("initdb", [*Path("/usr/lib/postgresql").glob("*/bin")], "PostgreSQL")
    folder, user, port = _place("postgres"), _user("postgres"), _free_port()
    data = folder / "data"
    _run_as_user(
        user, [binaries / "initdb", "--no-sync", "--auth=trust", "--username=databus", "--locale=C.UTF-8", data]
    )
    careless = {} if durable else {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    options = careless | {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "max_connections": 200,
    }  # fmt: skip
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    url = f"postgresql+psycopg://databus@127.0.0.1:{port}/postgres"
    return Server(url, [binaries / "postgres", "-D", data, *settings], user, folder)


def _mariadb() -> Server:
    binaries = _folder_of("mariadbd", [Path("/usr/sbin")], "MariaDB")
    install = _folder_of("mariadb-install-db", [Path("/usr/bin")], "MariaDB")
    folder, user, port = _place("mysql"), _user("mysql"), _free_port()
    data = folder / "data"
    _run_as_user(
        user,
        [
            install / "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
        ],
    )
    options = [
        "--no-defaults", f"--datadir={data}", f"--socket={folder / 'socket'}", f"--port={port}",
        f"--pid-file={folder / 'pid'}", "--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0",
        "--max-connections=500", "--skip-networking=0", "--table-open-cache=4000",
    ]  # fmt: skip
    return Server(f"mariadb+pymysql://root@127.0.0.1:{port}/mysql", [binaries / "mariadbd", *options], user, folder)


def _folder_of(program: str, places: Sequence[Path], name: str) -> Path:
    for place in places:
        if (place / program).exists():
            return place
    found = shutil.which(program)
    return Path(found).parent if found else pytest.skip(f"{name} is not installed: there is no {program}")


def _place(owner: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="databus-server-"))
    if os.geteuid() == 0:
        shutil.chown(folder, owner)
    return folder


def _user(name: str) -> str:
    """Servers refuse to run as root."""
    return name if os.geteuid() == 0 else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _as_user(user: str, command: Sequence[str | Path], output: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(word) for word in command], user=user or None, group=user or None, extra_groups=[] if user else None,
        cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,  # type: ignore[call-overload]
    )  # fmt: skip


def _run_as_user(user: str, command: Sequence[str | Path]) -> None:
    process = _as_user(user, command, subprocess.PIPE)
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed: {said.decode(errors='replace')[-2000:]}")
