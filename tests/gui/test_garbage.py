"""What is left of Qt objects goes on the window's thread only."""

from __future__ import annotations

import gc
import threading

from pytestqt.qtbot import QtBot

from databus_gui.garbage import LOOK_MS


class Rubbish:
    """Part of a cycle; says on which thread it went."""

    gone: list[threading.Thread]

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        self.gone.append(threading.current_thread())


def make_rubbish() -> None:
    for _ in range(20 * gc.get_threshold()[0]):
        Rubbish()


def test_a_workers_garbage_goes_on_the_windows_thread(qtbot: QtBot, garbage: None) -> None:
    Rubbish.gone = []
    worker = threading.Thread(target=make_rubbish)
    worker.start()
    worker.join()
    assert Rubbish.gone == [], "a worker collects nothing"
    qtbot.waitUntil(lambda: bool(Rubbish.gone), timeout=5 * LOOK_MS)
    assert set(Rubbish.gone) == {threading.main_thread()}
