"""The command `databus` as a program: in a process of its own, and in this one where that is enough."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from typer.testing import CliRunner, Result

from databus_core.cli import app
from tests.support.engines import REPOSITORY

PROGRAM = [sys.executable, "-c", "from databus_gui.command import main; main()"]
SECONDS = 60.0


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def databus(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, in that folder, to its end."""
    return subprocess.run(
        [*PROGRAM, *words], cwd=folder, env=_environment(), capture_output=True, encoding="utf-8", timeout=SECONDS,
        check=False,
    )  # fmt: skip


@contextmanager
def running(folder: Path, *words: str) -> Generator[subprocess.Popen[str]]:
    """A command at work in a process of its own; it is ended at the end if the test did not end it."""
    process = subprocess.Popen(
        [*PROGRAM, *words], cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding="utf-8",
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def invoke(*words: str) -> Result:
    """Run a command in this process; faster than `databus`."""
    return CliRunner().invoke(app, words, catch_exceptions=False)


def in_process(folder: Path, *words: str) -> Result:
    """The same on the ticket in that folder."""
    return invoke(*words, "--ticket", str(folder / "ticket.json"))


def answered(folder: Path, *words: str) -> Any:
    """What a command with --json answers."""
    result = in_process(folder, *words, "--json")
    assert result.exit_code == 0, result.stderr
    return orjson.loads(result.stdout)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
