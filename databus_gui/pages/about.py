"""What runs here: versions, places, plug-ins; to read and to send to whoever helps."""

from __future__ import annotations

import asyncio
import platform
from importlib import metadata

import PySide6
from PySide6.QtCore import Qt, QUrl, qVersion
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFormLayout, QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

import databus_core
from databus_core.model.passenger import Passenger
from databus_core.plugins.database import Database
from databus_core.plugins.observer import Change, DispatcherObserver
from databus_core.plugins.plugin_folder import PLUGIN_FOLDER
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher
from databus_gui.i18n import tr
from databus_gui.pages.page import Page
from databus_gui.theme import icon
from databus_gui.widgets.box import Box

DISTRIBUTION = "databus-desktop"
KINDS: tuple[tuple[str, type[object]], ...] = (
    ("Pullers", Puller),
    ("Processors", Processor),
    ("Pushers", Pusher),
    ("Passengers", Passenger),
    ("Database engines", Database),
    ("Observers", DispatcherObserver),
)


class AboutPage(Page):
    """Read only."""

    name = "about"
    title = "About"
    icon = "mdi6.information-outline"
    refreshes_on = frozenset({Change.TICKET, Change.PLUGINS})
    needs_database = False

    def build(self) -> None:
        copy = QPushButton(icon("mdi6.content-copy"), tr("Copy as text"))
        copy.setToolTip(tr("For whoever helps you"))
        copy.clicked.connect(self.copy)
        self.header.addWidget(copy)
        self._facts: list[tuple[str, str]] = []
        self._plugins: list[tuple[str, str]] = []
        self._about, self._offered, self._links = Box("Databus Desktop"), Box(tr("Plug-ins")), Box(tr("Links"))
        licence = QLabel(
            tr(
                "Databus Desktop is free software under the MIT licence. It is built with Qt and PySide6 (LGPL 3), "
                "qasync, pydantic, SQLAlchemy, orjson and others, each under its own licence."
            ),
            wordWrap=True,
        )
        licence.setProperty("meaning", "muted")
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 6, 0)
        for widget in (self._about, self._links, self._offered, licence):
            column.addWidget(widget)
        column.addStretch(1)
        scrolled = QScrollArea(widgetResizable=True)
        scrolled.setFrameShape(QFrame.Shape.NoFrame)
        scrolled.setWidget(inside)
        self.body.addWidget(scrolled)

    async def refresh(self) -> None:
        ticket, factory = self.session.dispatcher.ticket, self.session.dispatcher.factory
        place = tr("not open")
        if self.session.ready:
            place = await self.session.read(lambda storage: str(storage.database))
        facts = [
            (tr("Version"), databus_core.__version__),
            (tr("System"), ticket.system_alias),
            (tr("Ticket"), str(ticket.file) if ticket.file else tr("written in Python")),
            (tr("Database"), f"{place} ({ticket.database_module})"),
            (tr("Plug-in folder"), str(ticket.folder / PLUGIN_FOLDER)),
            (tr("Python"), f"{platform.python_version()} ({platform.python_implementation()})"),
            (tr("Qt"), f"{qVersion()}, PySide6 {PySide6.__version__}"),
            (tr("Operating system"), platform.platform()),
        ]
        offered = await asyncio.to_thread(lambda: [factory.available(kind) for _title, kind in KINDS])
        self._facts = facts
        self._plugins = [
            (tr(title), "\n".join(modules) or tr("none")) for (title, _), modules in zip(KINDS, offered, strict=True)
        ]
        self._show(self._about, self._facts)
        self._show(self._offered, self._plugins)
        self._show_links()

    def _show(self, box: Box, facts: list[tuple[str, str]]) -> None:
        box.clear()
        lines = QWidget()
        form = QFormLayout(lines)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for name, value in facts:
            label = QLabel(value, textFormat=Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            title = QLabel(name)
            title.setProperty("meaning", "muted")
            title.setFixedWidth(140)
            title.setAlignment(Qt.AlignmentFlag.AlignTop)
            form.addRow(title, label)
        box.body.addWidget(lines)

    def _show_links(self) -> None:
        self._links.clear()
        folder = self.session.dispatcher.ticket.folder
        links = [(tr("The ticket's folder"), QUrl.fromLocalFile(str(folder)))]
        links += [(name, QUrl(address)) for name, address in project_links()]
        for name, url in links:
            button = QPushButton(icon("mdi6.open-in-new"), name)
            button.setObjectName("link")
            button.setToolTip(url.toString())
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(lambda _checked=False, target=url: QDesktopServices.openUrl(target))
            self._links.body.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def text(self) -> str:
        """Everything the page says."""
        lines = [f"{name}: {value}" for name, value in self._facts]
        lines += [f"{name}:\n    " + value.replace("\n", "\n    ") for name, value in self._plugins]
        return "\n".join(lines) + "\n"

    def copy(self) -> None:
        """Put everything the page says on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())
        self.session.say(tr("What this page says is on the clipboard."))


def project_links() -> list[tuple[str, str]]:
    """What the installed distribution says about its places in the net, as (name, address)."""
    try:
        urls = metadata.metadata(DISTRIBUTION).get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return []
    named = (url.partition(",") for url in urls)
    return [(name.strip(), address.strip()) for name, _, address in named]
