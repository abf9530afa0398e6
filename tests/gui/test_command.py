"""The command `databus gui` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from databus_gui.command import main; main()"]


def environment(tmp_path: Path, *, screen: bool) -> dict[str, str]:
    """This one's without a screen, or with Qt's offscreen one; settings go to the test's folder."""
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    kept |= {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    return kept | ({"QT_QPA_PLATFORM": "offscreen"} if screen else {})


@pytest.fixture
def ticket(tmp_path: Path) -> Path:
    file = tmp_path / "work" / "ticket.json"
    file.parent.mkdir()
    file.write_text('{"database_arguments": {"database_dir": "data"}}')
    return file


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.mark.parametrize("words", [["gui"], []], ids=["gui", "plain"])
def test_smoke_test_drives_the_demo_once(tmp_path: Path, words: list[str]) -> None:
    ended = subprocess.run(
        [*COMMAND, *words, "--smoke-test"], env=environment(tmp_path, screen=False), capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_smoke_test_says_what_does_not_work(tmp_path: Path, ticket: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "gui", str(ticket), "--smoke-test"], env=environment(tmp_path, screen=True), capture_output=True,
        text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "The ticket has no client passengers." in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGTERM to a process that may answer it")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_window_in_order(tmp_path: Path, ticket: Path, number: signal.Signals) -> None:
    started = subprocess.Popen(
        [*COMMAND], env=environment(tmp_path, screen=True), cwd=ticket.parent, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    settings = tmp_path / "config"
    try:
        wait_for(lambda: list(settings.rglob("settings.json")) or started.poll() is not None)
        started.send_signal(number)
        out, err = started.communicate(timeout=30)
    finally:
        started.kill()
    assert (started.returncode, out, err) == (0, "", "")
    assert not (ticket.parent / "data" / ".holder.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_without_a_screen_the_ticket_runs_on_the_terminal(tmp_path: Path, ticket: Path) -> None:
    started = subprocess.Popen(
        [*COMMAND, "gui", str(ticket)], env=environment(tmp_path, screen=False), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert "runs" in started.stdout.readline()
        wait_for((ticket.parent / "data").is_dir)
        time.sleep(0.5)
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=30)
    finally:
        started.kill()
    assert started.returncode == 0
    assert err.strip() == "There is no screen here, so the ticket runs without a window."


def test_without_qt_it_says_how_to_get_it(tmp_path: Path, ticket: Path) -> None:
    program = "import sys; sys.modules['PySide6'] = None; from databus_gui.command import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "gui", str(ticket)], env=environment(tmp_path, screen=True),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "pip install 'databus-desktop[gui]'" in ended.stderr


@pytest.mark.parametrize("words", [[], ["--smoke-test"]])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "there is no such ticket"),
        ("{", "line 1"),
        ('{"drivers_at_once": 0}', "drivers_at_once: 0 is not allowed"),
    ],
)
def test_a_ticket_on_the_command_line_that_cannot_be_loaded_is_told_there(
    tmp_path: Path, ticket: Path, words: list[str], text: str | None, told: str
) -> None:
    ticket.unlink() if text is None else ticket.write_text(text)
    ended = subprocess.run(
        [*COMMAND, "gui", str(ticket), *words], env=environment(tmp_path, screen=True), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"{ticket}: {told}")


def test_two_tickets_are_one_too_many(tmp_path: Path, ticket: Path) -> None:
    refused = subprocess.run(
        [*COMMAND, "gui", str(ticket), "--ticket", "other.json"], env=environment(tmp_path, screen=True),
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"Two tickets are named, {ticket} and other.json; one is allowed.\n"


def test_the_command_line_does_not_import_qt(tmp_path: Path) -> None:
    program = "import sys; import databus_gui.command; print([name for name in sys.modules if 'PySide6' in name])"
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path, screen=True), capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert ended.stdout == "[]\n"
