"""Coroutines that signals start."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from databus_core.errors import DatabusError
from databus_gui.loop import FairLoop
from databus_gui.slots import async_slot, start


class Owner(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.done: list[object] = []
        self.errors: list[str] = []

    def show_error(self, error: DatabusError) -> None:
        self.errors.append(str(error))

    @async_slot
    async def plain(self) -> None:
        await asyncio.sleep(0)
        self.done.append("plain")

    @async_slot
    async def with_argument(self, checked: bool) -> None:
        self.done.append(checked)

    @async_slot
    async def failing(self) -> None:
        await asyncio.sleep(0)
        raise DatabusError("The outbox is full.")

    @async_slot
    async def broken(self) -> None:
        raise ZeroDivisionError


@pytest.fixture
def owner() -> Owner:
    return Owner()


def test_click_starts_a_coroutine_with_the_arguments_it_takes(qtbot: QtBot, loop: FairLoop, owner: Owner) -> None:
    button = QPushButton(checkable=True)
    qtbot.addWidget(button)
    button.clicked.connect(owner.plain)
    button.clicked.connect(owner.with_argument)

    button.click()

    qtbot.waitUntil(lambda: len(owner.done) == 2)
    assert sorted(map(str, owner.done)) == ["True", "plain"]


def test_databus_error_reaches_the_owner(qtbot: QtBot, loop: FairLoop, owner: Owner) -> None:
    owner.failing()
    qtbot.waitUntil(lambda: owner.errors == ["The outbox is full."])


def test_other_errors_reach_the_handler_of_the_loop(qtbot: QtBot, loop: FairLoop, owner: Owner) -> None:
    seen: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: seen.append(context))
    owner.broken()
    qtbot.waitUntil(lambda: len(seen) == 1)
    assert isinstance(seen[0]["exception"], ZeroDivisionError)
    assert owner.errors == []


def test_errors_of_a_deleted_owner_are_dropped(qtbot: QtBot, loop: FairLoop, owner: Owner) -> None:
    seen: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: seen.append(context))

    async def fail_later() -> None:
        await asyncio.sleep(0.02)
        raise DatabusError("too late")

    task = start(owner, fail_later())
    owner.deleteLater()
    qtbot.waitUntil(task.done)
    qtbot.wait(1)
    assert (owner.errors, seen) == ([], [])


def test_task_lives_without_anybody_holding_it(qtbot: QtBot, loop: FairLoop, owner: Owner) -> None:
    import gc

    async def wait() -> None:
        await asyncio.sleep(0.02)
        owner.done.append("end")

    start(owner, wait())
    gc.collect()
    qtbot.waitUntil(lambda: owner.done == ["end"])
