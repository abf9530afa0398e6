"""Sidebar from PAGES, menus and toolbar from ACTIONS, status bar."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QByteArray, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QToolBar,
    QWidget,
)

from databus_core.errors import DatabusError
from databus_core.plugins.observer import Change, DispatcherState
from databus_gui.actions import ACTIONS, Action, Menu
from databus_gui.i18n import tr
from databus_gui.main_window.farewell import Farewell, FarewellBox
from databus_gui.main_window.sidebar import Sidebar
from databus_gui.main_window.status_bar import StatusBar
from databus_gui.main_window.unexpected import Unexpected
from databus_gui.pages import PAGES, Page
from databus_gui.session import Session
from databus_gui.settings import ThemeChoice
from databus_gui.slots import start
from databus_gui.theme import icon, use_theme
from databus_gui.widgets.confirm import confirmed

SMALL, USUAL = QSize(900, 560), QSize(1240, 720)


class MainWindow(QMainWindow):
    """One window on one dispatcher."""

    closed = Signal()
    """The dispatcher is stopped and the window is gone."""

    def __init__(self, session: Session, pages: Sequence[type[Page]] = PAGES) -> None:
        super().__init__()
        self.session = session
        self.unexpected = Unexpected(self)
        self._page_classes = pages
        self._pages: dict[int, Page] = {}
        self._actions: list[tuple[Action, QAction]] = []
        self._leaving = False
        self._settled = False
        self.next_ticket: Path | None = None
        """What the person wants to work with when this window is closed; None: nothing."""
        self.setMinimumSize(SMALL)
        self._lay_out()
        self._make_actions()
        self._make_client_selector()
        self._connect()
        self._show_title()
        self._enable_actions()
        self._restore_place()

    def _lay_out(self) -> None:
        self._sidebar = Sidebar(self._page_classes, self)
        self._stack = QStackedWidget()
        centre = QWidget()
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._sidebar)
        row.addWidget(self._stack, 1)
        self.setCentralWidget(centre)
        self.setStatusBar(StatusBar(self.session, self))

    def _make_actions(self) -> None:
        menus: dict[Menu, QMenu] = {menu: self.menuBar().addMenu(tr(menu.value)) for menu in Menu}
        self._toolbar = QToolBar(
            tr("Toolbar"), movable=False, toolButtonStyle=Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        self._toolbar.setObjectName("toolbar")
        self._toolbar.setIconSize(QSize(20, 20))
        self._toolbar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.addToolBar(self._toolbar)
        choices = QActionGroup(self)
        for action in ACTIONS:
            entry = QAction(icon(action.icon), tr(action.text), self)
            entry.setObjectName(action.name)
            entry.setShortcut(QKeySequence(action.shortcut))
            shortcut = f" ({action.shortcut})" if action.shortcut else ""
            entry.setToolTip(f"{tr(action.tip or action.text)}{shortcut}")
            entry.triggered.connect(lambda _checked=False, action=action: self._run(action))
            menus[action.menu].addAction(entry)
            if action.chosen is not None:
                entry.setCheckable(True)
                entry.setIconVisibleInMenu(False)  # where there is an icon, Fusion draws no tick
                choices.addAction(entry)
            if action.toolbar:
                self._toolbar.addAction(entry)
            self._actions.append((action, entry))
        self._add_pages(menus[Menu.VIEW])

    def _add_pages(self, menu: QMenu) -> None:
        """The pages before everything else in the menu, under the numbers of the keys that show them."""
        before = menu.actions()[0]
        menu.insertSeparator(before)
        for number, page in enumerate(self._page_classes, start=1):
            entry = QAction(icon(page.icon), tr(page.title), self)
            entry.setObjectName(f"page_{page.name}")
            entry.setShortcut(QKeySequence(f"Ctrl+{number}"))
            entry.triggered.connect(lambda _checked=False, number=number: self._sidebar.choose(number - 1))
            menu.insertAction(menu.actions()[number - 1], entry)

    def _make_client_selector(self) -> None:
        room = QWidget()
        room.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._client_label = QLabel(tr("Client"))
        self._clients = QComboBox(sizeAdjustPolicy=QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._clients.setAccessibleName(tr("Client"))
        self._clients.setToolTip(tr("The client whose data the pages show; root sees all"))
        self._clients.textActivated.connect(self.session.choose_client)
        self._toolbar.addWidget(room)
        self._client_entries = [self._toolbar.addWidget(self._client_label), self._toolbar.addWidget(self._clients)]
        self._show_clients()

    def _connect(self) -> None:
        session, signals = self.session, self.session.signals
        self._sidebar.page_chosen.connect(self._on_page_chosen)
        signals.state_changed.connect(self._on_state_changed)
        signals.changed.connect(self._on_changed)
        for signal in (signals.trip_started, signals.trip_complete):
            signal.connect(self._enable_actions)
        session.page_requested.connect(self._on_page_requested)
        session.client_changed.connect(self._show_clients)
        session.clients_changed.connect(self._show_clients)

    # Pages ------------------------------------------------------------------------------------------------------

    @property
    def page(self) -> Page | None:
        """The page in sight."""
        return self._pages.get(self._sidebar.currentRow())

    def show_page(self, name: str, **what: object) -> Page:
        """Bring a page to sight, made if it is not there yet, and hand it what it shall show."""
        number = [page.name for page in self._page_classes].index(name)
        page = self._page(number)
        client_id = what.pop("client_id", None)
        if isinstance(client_id, str) and client_id:
            self.session.choose_client(client_id)
        if what:
            page.open(**what)
            page.request_refresh()
        self._sidebar.choose(number)
        return page

    def show_first_page(self) -> None:
        """Bring the page to sight that was last in sight at the last time, or the first one."""
        names = [page.name for page in self._page_classes]
        last = self.session.settings.page
        self.show_page(last if last in names else names[0])

    def _page(self, number: int) -> Page:
        if number not in self._pages:
            page = self._page_classes[number](self.session)
            page.chosen.connect(self._enable_actions)
            self._stack.addWidget(page)
            self._pages[number] = page
        return self._pages[number]

    def _on_page_chosen(self, number: int) -> None:
        if number >= 0:
            self._stack.setCurrentWidget(self._page(number))
            self.session.settings.page = self._page_classes[number].name
            self._enable_actions()

    def _on_page_requested(self, name: str, what: dict[str, object]) -> None:
        self.show_page(name, **what)

    # Actions ----------------------------------------------------------------------------------------------------

    def routes(self) -> list[tuple[str, str]]:
        """The client passengers chosen on the page in sight."""
        return self.page.routes() if self.page else []

    def refresh(self) -> None:
        """Let the page in sight read its data again."""
        if self.page:
            self.page.request_refresh()

    def leave(self) -> None:
        """Close the window; asks while trips run or something is not saved."""
        self.close()

    def choose_ticket(self) -> None:
        """Ask for another ticket."""
        dialog = QFileDialog(self, tr("Open ticket"), "", tr("Tickets (*.json)"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_ticket_selected)
        dialog.open()

    def use_theme(self, choice: ThemeChoice) -> None:
        """Dress the app anew and remember it."""
        self.session.settings.theme = choice
        self.session.settings.save()
        use_theme(cast("QApplication", QApplication.instance()), choice)
        self._enable_actions()

    async def confirmed(self, title: str, question: str, more: str, do: str) -> bool:
        """Ask before something that cannot be taken back."""
        return await confirmed(self, title, question, more, do)

    def show_error(self, error: DatabusError) -> None:
        """Errors of actions appear on the page in sight."""
        if self.page:
            self.page.show_error(error)

    def _run(self, action: Action) -> None:
        result = action.run(self)
        if asyncio.iscoroutine(result):
            start(self, cast("Coroutine[Any, Any, object]", result))

    def _enable_actions(self, *_: object) -> None:
        for action, entry in self._actions:
            entry.setEnabled(action.enabled(self))
            if action.chosen is not None:
                entry.setChecked(action.chosen(self))

    def _on_ticket_selected(self, file: str) -> None:
        self.next_ticket = Path(file)
        self.leave()

    # What is shown around the pages -----------------------------------------------------------------------------

    def _on_state_changed(self, _state: DispatcherState) -> None:
        self._enable_actions()

    def _on_changed(self, change: Change, _client_id: str) -> None:
        if change is Change.TICKET:
            self._show_title()
        if change in {Change.TICKET, Change.CLIENTS} and self.session.ready:
            start(self, self.session.load_clients())

    def _show_title(self) -> None:
        ticket = self.session.dispatcher.ticket
        place = f" – {ticket.file}" if ticket.file else ""
        self.setWindowTitle(f"{ticket.system_alias}{place}")

    def _show_clients(self) -> None:
        ids = self.session.client_ids
        self._clients.clear()
        self._clients.addItems(ids)
        self._clients.setCurrentText(self.session.client_id)
        for entry in self._client_entries:
            entry.setVisible(len(ids) > 1)

    def _restore_place(self) -> None:
        kept = self.session.settings.geometry
        if not (kept and self.restoreGeometry(QByteArray.fromBase64(kept.encode()))):
            self.resize(USUAL.boundedTo(self.screen().availableGeometry().size()))

    # Leaving ----------------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """The window goes when the dispatcher has stopped, never before."""
        stopped = self.session.dispatcher.state is DispatcherState.STOPPED
        if stopped and (self._settled or not self._unsaved()):
            self.session.settings.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
            self.session.settings.save()
            event.accept()
            self.closed.emit()
            return
        event.ignore()
        if not self._leaving:
            self._ask_and_leave()

    def _ask_and_leave(self) -> None:
        running, unsaved = self.session.dispatcher.running, self._unsaved()
        if not running and not unsaved:
            start(self, self.shut_down_and_close())
            return
        self._leaving = True
        box = FarewellBox(running, unsaved, self.session.dispatcher.ticket.grace_seconds, self)
        box.finished.connect(lambda: self._on_answer(box.answer))
        box.open()

    def _unsaved(self) -> list[str]:
        """Titles of the pages with changes that are not saved."""
        return [page.title for _, page in sorted(self._pages.items()) if page.unsaved]

    def _on_answer(self, answer: Farewell) -> None:
        self._leaving = False
        if answer is Farewell.STAY:
            self.next_ticket = None
        else:
            start(self, self.shut_down_and_close(leave=answer is Farewell.LEAVE))

    async def shut_down_and_close(self, *, leave: bool = False) -> None:
        """Stop the dispatcher, then close, whatever is not saved; again, with `leave`, while the first call waits."""
        await self.session.dispatcher.shut_down(leave=leave)
        if self.isVisible():
            self._settled = True
            self.close()
