"""The subcommands of dev.py."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from build_scripts import freeze
from build_scripts.environment import ROOT, Environment
from build_scripts.system import (
    DevError,
    call,
    has_screen,
    install_packages,
    packages_qt_lacks,
    packages_servers_lack,
)

VENV = Environment(ROOT / ".venv", "gui,dev")
DEMO = ROOT / "build" / "demo"
OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen"}
SERVERS_WANTED = "DATABUS_TEST_SERVERS"
"""Environment variable that tests/support/servers.py looks at."""
WORKERS = ["-n", "logical", "--maxprocesses", "4", "--dist", "worksteal"]
"""Tests run in as many processes as there are cores, up to four, each with servers of its own; `-n 0` in one."""
CHECKS = {
    "ruff check": ["-m", "ruff", "check"],
    "ruff format": ["-m", "ruff", "format", "--check"],
    "pyright": ["-m", "pyright"],
    "import-linter": ["-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    command_line = parser()
    options, rest = command_line.parse_known_args(arguments)
    if rest and not options.takes_more:
        command_line.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return options.task(options, rest)
    except DevError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line of dev.py."""
    top = argparse.ArgumentParser(prog="dev.py", description="Run, test, check, measure and package Databus Desktop.")
    tasks = top.add_subparsers(required=True, metavar="run | test | check | bench | package")

    task = tasks.add_parser("run", help="start the desktop app, on the demo unless a ticket is given")
    task.add_argument("ticket", nargs="?", type=Path, metavar="TICKET", help="a ticket file")
    task.set_defaults(task=run, takes_more=False)

    task = tasks.add_parser("test", help="run the tests; further arguments go to pytest", allow_abbrev=False)
    task.add_argument("--package", action="store_true", help="test the packaged program, built first where outdated")
    task.add_argument(
        "--servers", action="store_true", help="test on PostgreSQL and MariaDB, too, installed first where missing"
    )
    task.set_defaults(task=test, takes_more=True)

    task = tasks.add_parser("check", help="run ruff, pyright and import-linter")
    task.set_defaults(task=check, takes_more=False)

    task = tasks.add_parser("bench", help="run a benchmark; further arguments go to it", allow_abbrev=False)
    task.add_argument("name", metavar="NAME", help="a module of tests/benchmarks, such as drive")
    task.set_defaults(task=bench, takes_more=True)

    task = tasks.add_parser("package", help="build the program that needs no Python, in dist/databus")
    task.set_defaults(task=package, takes_more=False)
    return top


def run(options: argparse.Namespace, _rest: list[str]) -> int:
    """Open the desktop app. The second time, this must cost next to nothing."""
    VENV.prepare()
    try:
        _prepare_qt(screen=has_screen())
    except DevError as error:
        if has_screen():
            raise
        print(f"dev.py: {error}", file=sys.stderr)  # without a screen, the ticket is driven without Qt
    ticket = options.ticket or DEMO / "ticket.json"
    command = str(VENV.command)
    if not options.ticket and not ticket.exists() and call([command, "new", DEMO, "--demo"]):
        raise DevError(f"the demo could not be made in {DEMO} (see above)")
    _become([command, "gui", str(ticket)])


def test(options: argparse.Namespace, rest: list[str]) -> int:
    """Run pytest, without a screen."""
    VENV.prepare()
    _prepare_qt(screen=False)
    if options.package:
        if not freeze.is_current():
            package(options, [])
        rest = ["-m", "package", "tests/package", *rest]
    else:
        rest = [*WORKERS, *rest]
    environment = dict(OFFSCREEN)
    if options.servers:
        environment[SERVERS_WANTED] = "1"
        _prepare_servers()
    os.chdir(ROOT)
    _become([str(VENV.python), "-m", "pytest", *rest], environment)


def _prepare_servers() -> None:
    if packages := packages_servers_lack():
        try:
            install_packages(packages, "database servers for the tests are missing")
        except DevError as error:
            print(f"dev.py: {error}\nTheir tests are skipped.", file=sys.stderr)


def check(_options: argparse.Namespace, _rest: list[str]) -> int:
    """Run every check, also behind one that failed."""
    VENV.prepare()
    os.chdir(ROOT)
    failed: list[str] = []
    for name, command in CHECKS.items():
        print(f"== {name}", flush=True)
        # Without this, pyright asks the internet for a newer one.
        if call([VENV.python, *command], extra={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}):
            failed.append(name)
    print(f"\nFailed: {', '.join(failed)}" if failed else f"\nAll {len(CHECKS)} checks passed")
    return 1 if failed else 0


def bench(options: argparse.Namespace, rest: list[str]) -> int:
    """Run one benchmark."""
    VENV.prepare()
    _prepare_qt(screen=False)
    os.chdir(ROOT)
    _become([str(VENV.python), "-m", f"tests.benchmarks.{options.name}", *rest], OFFSCREEN)


def package(_options: argparse.Namespace, _rest: list[str]) -> int:
    """Build dist/databus."""
    # The program takes along what the libraries of Qt load, and is to open windows elsewhere.
    _prepare_qt(screen=True)
    freeze.build()
    return 0


def _prepare_qt(*, screen: bool) -> None:
    if packages := packages_qt_lacks(screen=screen):
        install_packages(packages, "libraries that Qt needs are missing")


def _become(command: list[str], extra: dict[str, str] | None = None) -> NoReturn:
    """Let the command take this process's place, so that signals and the terminal are its own."""
    sys.stdout.flush()
    if os.name == "nt":
        sys.exit(call(command, extra=extra))  # exec on Windows would return to the shell at once
    os.execve(command[0], command, {**os.environ, **(extra or {})})  # noqa: S606
