"""The list of pages."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from databus_gui.i18n import tr
from databus_gui.pages import Page
from databus_gui.theme import icon

WIDTH = 158
ITEM_HEIGHT = 38


class Sidebar(QListWidget):
    """Icon and word of each page; 1 to 9 choose one while the list has the keyboard, the menu View from anywhere."""

    page_chosen = Signal(int)
    """Number of the page, by a person or by `choose`."""

    def __init__(self, pages: Sequence[type[Page]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setAccessibleName(tr("Pages"))
        self.setFixedWidth(WIDTH)
        self.setIconSize(QSize(20, 20))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for number, page in enumerate(pages, start=1):
            item = QListWidgetItem(icon(page.icon), tr(page.title))
            item.setSizeHint(QSize(WIDTH, ITEM_HEIGHT))
            item.setToolTip(f"{tr(page.title)} (Ctrl+{number})")
            self.addItem(item)
            shortcut = QShortcut(QKeySequence(f"{number}"), self, context=Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(lambda number=number: self.choose(number - 1))
        self.currentRowChanged.connect(self.page_chosen)

    def choose(self, number: int) -> None:
        """Show that page."""
        self.setCurrentRow(number)
