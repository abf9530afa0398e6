"""What the tests of the pages share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from databus_core.plugins.observer import DispatcherState
from tests.support.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, qtbot: QtBot, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Generator[Desk]:
    """A desk whose dispatcher is shut down at the end."""
    desk = Desk(tmp_path, qtbot, run)
    yield desk
    if desk.dispatcher.state is not DispatcherState.STOPPED:
        run(desk.dispatcher.shut_down())
