"""Stopping a command on the terminal while a plug-in hangs."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.support.program import answered, running, wait_until
from tests.support.stage import ticket_with

HANGING = """
import pathlib, threading
from databus_core import Puller

class Hanging(Puller):
    def pull(self):
        pathlib.Path(self.context.folder, "hangs").touch()
        threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGINT to a process that may answer it")
@pytest.mark.parametrize("words", [("run",), ("run", "--once"), ("drive", "demo", "orders")], ids=" ".join)
def test_what_is_waited_for_and_what_is_left_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "hanging.py").write_text(HANGING)
    ticket_with(tmp_path, root=[], demo=[{"name": "orders", "pullers": ["hanging"]}])
    with running(tmp_path, *words) as process:
        wait_until(lambda: process.poll() is not None or (tmp_path / "hangs").exists())
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        waits = ""
        while not waits.startswith("Stopping"):
            waits = process.stdout.readline()
        assert waits == "Stopping: 1 trip (demo / orders) is being finished; Ctrl-C again leaves it.\n"
        process.send_signal(signal.SIGTERM)
        said, complained = process.communicate(timeout=30)
    assert process.returncode == 1, "the trip was not well"
    assert complained.endswith("Left: demo / orders.\n")
    assert "Traceback" not in complained
    assert "demo / orders: Trip ends" in said
    (log,) = answered(tmp_path, "logs", "demo")
    assert (log["worst"], bool(log["finished_at"])) == ("error", True)
    trips = json.loads((tmp_path / "data/clients/demo/trips.json").read_text())
    assert trips["orders"]["log_id"] == log["id"]
