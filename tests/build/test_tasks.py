"""The subcommands of dev.py start what they should, and dev.py itself starts on any Python."""

import ast
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from build_scripts import freeze, tasks
from build_scripts.environment import ROOT, Environment
from build_scripts.system import DevError
from build_scripts.tasks import main

DEV_PY = ROOT / "build_scripts" / "dev.py"


class Started(SystemExit):
    """Raised where dev.py would become another program."""


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The commands run, each as one line without the program; nothing is really started."""
    lines: list[str] = []

    def call(command: Sequence[object], **_: object) -> int:
        lines.append(" ".join(map(str, command[1:])))
        return 0

    def become(command: list[str], extra: dict[str, str] | None = None) -> None:
        call(command)
        raise Started(0)

    monkeypatch.setattr(
        tasks, "VENV", SimpleNamespace(python=Path("python"), command=Path("databus"), prepare=lambda: None)
    )
    monkeypatch.setattr(tasks, "DEMO", tmp_path / "demo")
    monkeypatch.setattr(tasks, "_prepare_qt", lambda *, screen: None)
    monkeypatch.setattr(tasks, "call", call)
    monkeypatch.setattr(tasks, "_become", become)
    monkeypatch.setattr(freeze, "build", lambda: lines.append("build"))
    monkeypatch.chdir(ROOT)
    return lines


def test_run_makes_the_demo_once(called: list[str], tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    with pytest.raises(Started):
        main(["run"])
    demo.mkdir()
    (demo / "ticket.json").touch()
    with pytest.raises(Started):
        main(["run"])
    start = f"gui {demo / 'ticket.json'}"
    assert called == [f"new {demo} --demo", start, start]


def test_run_takes_a_ticket(called: list[str]) -> None:
    with pytest.raises(Started):
        main(["run", "mine.json"])
    assert called == ["gui mine.json"]


def test_run_really_makes_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[list[str]] = []
    installed = Environment(Path(sys.prefix), "gui,dev")
    monkeypatch.setattr(tasks, "VENV", SimpleNamespace(command=installed.command, prepare=lambda: None))
    monkeypatch.setattr(tasks, "DEMO", tmp_path / "demo")
    monkeypatch.setattr(tasks, "_prepare_qt", lambda *, screen: None)
    monkeypatch.setattr(tasks, "_become", started.append)
    main(["run"])
    assert (tmp_path / "demo" / "ticket.json").exists()
    assert started == [[str(installed.command), "gui", str(tmp_path / "demo" / "ticket.json")]]


@pytest.mark.parametrize(("screen", "code"), [(True, 2), (False, 0)])
def test_run_goes_on_without_qt_only_where_there_is_no_screen(
    called: list[str], monkeypatch: pytest.MonkeyPatch, screen: bool, code: int
) -> None:
    def lacks_qt(*, screen: bool) -> None:
        raise DevError("libraries are missing")

    monkeypatch.setattr(tasks, "_prepare_qt", lacks_qt)
    monkeypatch.setattr(tasks, "has_screen", lambda: screen)
    try:
        assert main(["run", "mine.json"]) == code
    except Started:
        assert code == 0


def test_arguments_of_test_go_to_pytest_behind_its_own(called: list[str]) -> None:
    with pytest.raises(Started):
        main(["test", "tests/core", "-k", "queue", "-n", "0"])
    assert called == ["-m pytest -n logical --maxprocesses 4 --dist worksteal tests/core -k queue -n 0"]


def test_test_package_builds_where_outdated(called: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest_line = "-m pytest -m package tests/package -x"
    for current in (False, True):
        monkeypatch.setattr(freeze, "is_current", lambda current=current: current)
        with pytest.raises(Started):
            main(["test", "--package", "-x"])
    assert called == ["build", pytest_line, pytest_line]


def test_bench_starts_its_module(called: list[str]) -> None:
    with pytest.raises(Started):
        main(["bench", "drive", "--passengers", "10"])
    assert called == ["-m tests.benchmarks.drive --passengers 10"]


def test_check_runs_all_and_tells_what_failed(
    called: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check"]) == 0
    assert len(called) == len(tasks.CHECKS)
    monkeypatch.setattr(tasks, "call", lambda command, **_: int("ruff" in command))
    assert main(["check"]) == 1
    assert "Failed: ruff check, ruff format" in capsys.readouterr().out


def test_unknown_arguments_are_refused(called: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["check", "--fast"])
    assert stopped.value.code == 2
    assert not called


def test_an_old_python_can_read_dev_py() -> None:
    ast.parse(DEV_PY.read_text("utf-8"), feature_version=(3, 4))


def started_by_another_python(version: tuple[int, int], path: Path) -> subprocess.CompletedProcess[str]:
    """`dev.py check --fast` in a Python that believes to be of that version and finds others in the folder `path`."""
    program = f"""
import runpy, sys
sys.version_info = {(*version, 0, "final", 0)}
sys.argv = ["dev.py", "check", "--fast"]
runpy.run_path({str(DEV_PY)!r}, run_name="__main__")
"""
    environment = {**os.environ, "PATH": str(path)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14), (4, 0)])
def test_a_wrong_python_says_what_it_needs(version: tuple[int, int], tmp_path: Path) -> None:
    done = started_by_another_python(version, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Databus Desktop needs Python 3.11, 3.12 or 3.13, and finds none on the PATH; this is "
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no exec")
@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_wrong_python_hands_over_to_a_right_one(version: tuple[int, int], tmp_path: Path) -> None:
    for name in ("python3.11", "python3.12"):
        right = tmp_path / name
        right.write_text('#!/bin/sh\necho "$0" "$@"\n', "utf-8")
        right.chmod(0o755)
    done = started_by_another_python(version, tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path / 'python3.12'} {DEV_PY} check --fast\n"


def test_the_program_is_outdated_when_a_source_changed(tmp_path: Path) -> None:
    for name in freeze.SOURCES:
        (tmp_path / name).write_text("x", "utf-8")
    before = freeze.sources_digest(tmp_path)
    assert freeze.sources_digest(tmp_path) == before
    (tmp_path / "resources").write_text("y", "utf-8")
    assert freeze.sources_digest(tmp_path) != before
