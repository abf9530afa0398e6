"""Fixtures that more than one package of tests uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from databus_core.plugins.database import Database
from databus_gui.garbage import collected_here
from tests.support.engines import ENGINES, Engine
from tests.support.servers import remove_servers


def pytest_sessionfinish() -> None:
    """Only so long a process in which tests run in parallel may take its time: at its exit it is killed soon."""
    remove_servers()


@pytest.fixture(params=ENGINES, ids=str)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each database engine in turn."""
    request.param.require()
    return request.param


@pytest.fixture
def database(engine: Engine, tmp_path: Path) -> Iterator[Database]:
    """An empty open database of each engine in turn."""
    database = engine.opened(tmp_path)
    yield database
    database.close()


@pytest.fixture(scope="session")
def garbage(qapp: QApplication) -> Iterator[None]:
    """What is left of a test's window goes on this thread, and never in a later test's worker threads."""
    with collected_here():
        yield
