"""What a page is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from databus_core.engine.dispatcher import Dispatcher
from databus_core.engine.storage import Storage
from databus_core.model.client import ROOT
from databus_core.plugins.observer import Change, DispatcherState
from databus_gui.names import ShortNames
from databus_gui.settings import Settings
from databus_gui.signals import DispatcherSignals

T = TypeVar("T")


class Session(QObject):
    """One person at one window: the dispatcher and its signals, the settings, the client that is looked at."""

    client_changed = Signal(str)
    """Another client is looked at: pages that are visible load anew, the others when they are shown."""
    clients_changed = Signal()
    """`client_ids` holds other clients now."""
    page_requested = Signal(str, object)
    """Name of a page, and a dict of what it shall show; see `open`."""
    said = Signal(str)
    """A short sentence for the status bar; see `say`."""

    def __init__(
        self, dispatcher: Dispatcher, signals: DispatcherSignals, settings: Settings, client_id: str = ROOT
    ) -> None:
        super().__init__()
        self.dispatcher = dispatcher
        self.signals = signals
        self.settings = settings
        self.client_ids: list[str] = []
        self.names = ShortNames()
        """How client passengers, steps and modules are called, the same on every page."""
        self._client_id = client_id
        signals.changed.connect(self._on_changed)

    @property
    def client_id(self) -> str:
        """The client that is looked at."""
        return self._client_id

    def choose_client(self, client_id: str) -> None:
        """Look at another client."""
        if client_id != self._client_id:
            self._client_id = client_id
            self.client_changed.emit(client_id)

    @property
    def ready(self) -> bool:
        """Whether there is data to read: the dispatcher's database is open."""
        return self.dispatcher.state not in {DispatcherState.STOPPED, DispatcherState.STARTING}

    async def load_clients(self) -> None:
        """Read which clients there are, and leave one that is gone."""
        ids = await self.read(lambda storage: storage.database.client_ids())
        self._learn_names()
        if ids != self.client_ids:
            self.client_ids = ids
            self.clients_changed.emit()
        if ids and self._client_id not in ids:
            self.choose_client(ids[0])

    def _on_changed(self, change: Change, _client_id: str) -> None:
        if change in {Change.CUSTOMIZING, Change.CLIENTS, Change.TICKET}:
            self._learn_names()

    def _learn_names(self) -> None:
        """Of everything that is configured: none of it is shown under a name that fits another, on whatever page."""
        for client in self.dispatcher.clients.values():
            for passenger in client.passengers:
                self.names.learn([passenger.name])
                for step in (*passenger.pullers, *passenger.processors, *passenger.pushers):
                    self.names.learn([step.module, step.step_name])

    def open(self, page: str, **what: object) -> None:
        """Show the page of that name and hand `what` to its `open`: `session.open("logs", log_id=...)`.

        `client_id=...` among them chooses the client first.
        """
        self.page_requested.emit(page, what)

    def say(self, sentence: str) -> None:
        """Tell in the status bar, for some seconds, what was done."""
        self.said.emit(sentence)

    async def read(self, op: Callable[[Storage], T]) -> T:
        """Ask the stored data; `op` runs in a worker thread and touches no widget."""
        return await self.dispatcher.read(op)

    async def change(self, op: Callable[[Storage], T], what: Change, *, deed: str = "", on: str = "") -> T:
        """Change the looked-at client's stored data; see Dispatcher.change."""
        return await self.dispatcher.change(op, what, self.client_id, deed=deed, on=on)
