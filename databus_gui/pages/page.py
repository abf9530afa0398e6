"""The base of every page.

A page is made when it is shown first, and is given a `Session`. What it implements:

    class Logs(Page):
        name = "logs"                                    # session.open("logs", log_id=...) shows it
        title = "Logs"                                   # English; shown through tr()
        icon = "mdi6.text-box-outline"
        refreshes_on = frozenset({Change.LOGS})          # kinds of stored data that it shows

        def build(self) -> None: ...                     # make widgets, add them to self.body
        async def refresh(self) -> None: ...             # await self.session.read(...), then show it
        def open(self, **what: object) -> None: ...      # what session.open() hands over

Never called while hidden: `refresh` runs when the page is shown for the first time, when the looked-at client changes,
when a change it refreshes on is heard, on F5, and when it comes back to sight after it missed one of these. Calls are
collected (REFRESH_MS) and never overlap. A DatabusError it raises appears in the error bar until a refresh succeeds.

While the dispatcher is stopped its database is closed: a page then keeps showing what it has, or nothing when another
client is looked at, unless it says `needs_database = False`, and refreshes when the dispatcher has started. What it
could not do meanwhile it says in the error bar until then.

Start other coroutines by `@async_slot` methods or `slots.start(self, ...)`: their DatabusErrors appear there too, until
the person closes the bar.
"""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from databus_core.errors import DatabusError, DispatcherError
from databus_core.plugins.observer import Change, DispatcherState
from databus_gui.i18n import tr
from databus_gui.session import Session
from databus_gui.slots import start
from databus_gui.widgets.error_bar import ErrorBar

REFRESH_MS = 150
"""Changes heard within this time make one refresh."""


class Page(QWidget):
    """One page of the main window: title, error bar, `body` below."""

    name: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    refreshes_on: ClassVar[frozenset[Change]] = frozenset()
    needs_database: ClassVar[bool] = True
    """Whether `refresh` reads stored data."""

    chosen = Signal()
    """Other client passengers are chosen: `routes` answers something else now."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setObjectName(self.name)
        self.setAccessibleName(tr(self.title))
        self._dirty = True
        self._refreshing = False
        self._refresh_failed = False
        self._missed = ""
        """What the error bar says of a dispatcher that was not there for something."""
        self._timer = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._timer.timeout.connect(self._refresh_now)
        self._lay_out()
        session.signals.changed.connect(self._on_changed)
        session.signals.state_changed.connect(self._on_state_changed)
        session.client_changed.connect(self._on_client_changed)
        self.build()

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 10, 14, 10)
        outer.setSpacing(8)
        title = QLabel(tr(self.title))
        title.setObjectName("pageTitle")
        self.header = QHBoxLayout()
        """The line of the title; a page may add buttons to it."""
        self.header.addWidget(title)
        self.header.addStretch(1)
        self.error_bar = ErrorBar()
        self._content = QWidget()
        room = self._content.sizePolicy()
        room.setRetainSizeWhenHidden(True)
        self._content.setSizePolicy(room)
        self.body = QVBoxLayout(self._content)
        """Where the page adds its widgets."""
        self.body.setContentsMargins(0, 0, 0, 0)
        outer.addLayout(self.header)
        outer.addWidget(self.error_bar)
        outer.addWidget(self._content, 1)

    # What a page implements -------------------------------------------------------------------------------------

    def build(self) -> None:
        """Make the widgets and add them to `self.body`. Reads nothing."""

    async def refresh(self) -> None:
        """Read what the page shows, and show it."""

    def open(self, **what: object) -> None:
        """Show something in particular; called before the page is shown. Unknown keys are to be passed over."""

    def forget(self) -> None:
        """Another client is looked at: what was typed about the one before goes."""

    def routes(self) -> list[tuple[str, str]]:
        """The client passengers that are chosen on the page, as (client id, name): what Expedite is about."""
        return []

    @property
    def unsaved(self) -> bool:
        """Whether a person has changed something here that is not saved; the window asks before it closes."""
        return False

    def concerns(self, client_id: str) -> bool:
        """Whether a change of that client's data is of interest; empty is what belongs to no client."""
        return client_id in {"", self.session.client_id}

    # What a page may use ----------------------------------------------------------------------------------------

    def request_refresh(self) -> None:
        """Refresh soon: while visible within REFRESH_MS, otherwise when the page is shown again."""
        self._dirty = True
        if self.isVisible() and not self._refreshing and not self._timer.isActive():
            self._timer.start()

    def show_error(self, error: DatabusError) -> None:
        """Say in the error bar what went wrong."""
        self.error_bar.show_text(str(error))
        self._missed = str(error) if isinstance(error, DispatcherError) else ""

    # ------------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._dirty:
            self._refresh_now()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _on_changed(self, change: Change, client_id: str) -> None:
        if change in self.refreshes_on and self.concerns(client_id):
            self.request_refresh()

    def _on_state_changed(self, _state: DispatcherState) -> None:
        if self._missed and self.session.ready:
            if self.error_bar.text == self._missed:
                self.error_bar.clear()
            self._missed = ""
        if self._dirty:
            self.request_refresh()

    def _on_client_changed(self, _client_id: str) -> None:
        self.error_bar.clear()
        self.forget()
        if self.needs_database and not self.session.ready:
            self._content.hide()
            self.show_error(DispatcherError(tr("Start the dispatcher to see the data of this client.")))
        self.request_refresh()

    def _refresh_now(self) -> None:
        if self._refreshing or (self.needs_database and not self.session.ready):
            return  # the one that runs, or the start of the dispatcher, sees that the page is dirty
        self._refreshing, self._dirty = True, False
        self._content.show()
        start(self, self._refresh())

    async def _refresh(self) -> None:
        try:
            await self.refresh()
            if self._refresh_failed:
                self._refresh_failed = False
                self.error_bar.clear()
        except DatabusError:
            if self.needs_database and not self.session.ready:  # stopped meanwhile
                self._dirty = True
                return
            self._refresh_failed = True
            raise
        finally:
            self._refreshing = False
            if self._dirty and self.session.ready:
                self.request_refresh()
