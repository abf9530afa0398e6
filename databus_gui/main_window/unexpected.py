"""The one place where errors that nobody foresaw are shown."""

from __future__ import annotations

import logging
import traceback

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from databus_gui.i18n import count, tr

log = logging.getLogger(__name__)


class Unexpected:
    """Logs each such error and shows one box for all of them; the program goes on."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent
        self._box: QMessageBox | None = None
        self._details: list[str] = []

    @property
    def details(self) -> str:
        """What was reported since the box was last closed, with tracebacks."""
        return "\n".join(self._details)

    def report(self, error: BaseException) -> None:
        """Log and show it."""
        log.error("Unexpected error", exc_info=error)
        self._details.append("".join(traceback.format_exception(error)))
        box = self._box or self._open_box()
        box.setText(tr("Something unexpected happened: {error}", error=f"{type(error).__name__}: {error}"))
        number = count(len(self._details), "It was logged.", "{n} such errors were logged.")
        box.setInformativeText(f"{number} {tr('The program goes on. The details help whoever mends it.')}")
        box.setDetailedText(self.details)

    def _open_box(self) -> QMessageBox:
        self._box = box = QMessageBox(self._parent)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Critical)
        box.setWindowTitle(tr("Unexpected error"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        copy = box.addButton(tr("Copy details"), QMessageBox.ButtonRole.ActionRole)
        copy.clicked.disconnect()  # the box would close
        copy.clicked.connect(self._copy)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Close))
        box.setEscapeButton(QMessageBox.StandardButton.Close)
        box.finished.connect(self._on_closed)
        box.open()
        return box

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)

    def _on_closed(self) -> None:
        self._box = None
        self._details.clear()
