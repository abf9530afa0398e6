"""A dispatcher with its signals and session, as a page gets them, on a ticket folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from pytestqt.qtbot import QtBot

from databus_core.engine.dispatcher import Dispatcher
from databus_core.model.log import Log
from databus_core.model.ticket import DispatcherTicket
from databus_gui.pages.page import Page
from databus_gui.session import Session
from databus_gui.settings import Settings
from databus_gui.signals import DispatcherSignals, SignalObserver

T = TypeVar("T")
PageT = TypeVar("PageT", bound=Page)
LONG_MS = 10_000


class Desk:
    """Works with client `demo`; the dispatcher is paused, so that nothing travels unless a test lets it."""

    def __init__(self, folder: Path, qtbot: QtBot, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.folder = folder
        self.qtbot = qtbot
        self.run = run
        self.said: list[str] = []
        self.opened: list[tuple[str, object]] = []

    def start(self, configuration: dict[str, Any], **options: Any) -> Session:
        """Start on a ticket file with these options and that `__databus__` document."""
        client = self.folder / "data" / "clients" / "demo"
        client.mkdir(parents=True)
        (client / "config.json").write_text(json.dumps(configuration, indent=2), "utf-8")
        (self.folder / "ticket.json").write_text(
            json.dumps({"database_arguments": {"database_dir": "data"}} | options), "utf-8"
        )
        return self.start_with(DispatcherTicket.load(self.folder / "ticket.json"))

    def start_with(self, ticket: DispatcherTicket) -> Session:
        """Start on that ticket."""
        signals = DispatcherSignals()
        self.dispatcher = Dispatcher(ticket, SignalObserver(signals))
        self.session = Session(self.dispatcher, signals, Settings(), "demo")
        self.session.said.connect(self.said.append)
        self.session.page_requested.connect(lambda page, what: self.opened.append((page, what)))
        self.run(self.dispatcher.start(paused=True))
        self.run(self.session.load_clients())
        return self.session

    def show(self, page_class: type[PageT]) -> PageT:
        """Make the page and show it."""
        page = page_class(self.session)
        self.qtbot.addWidget(page)
        page.resize(1150, 650)
        page.show()
        return page

    def drive(self, name: str = "orders") -> Log:
        """One trip."""
        return self.run(self.dispatcher.drive("demo", name))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until it is so."""
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=LONG_MS)
