"""How far the copying of a client to another database has come, on a page and in a dialog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import shiboken6
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from databus_gui.i18n import tr

WIDE = 520


class CopyProgress(QWidget):
    """A sentence, a bar, and a button that asks to stop."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.said = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.bar = QProgressBar(textVisible=False)
        self.cancel_button = QPushButton(tr("Cancel"))
        self.cancel_button.clicked.connect(self.stop)
        line = QHBoxLayout()
        line.addWidget(self.bar, 1)
        line.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.said)
        column.addLayout(line)

    def begin(self, waiting: str) -> None:
        """Say what is waited for until the first passengers are copied."""
        self.said.setText(waiting)
        self.bar.setRange(0, 0)
        self.cancel_button.setEnabled(True)

    def of(self, client: str) -> Callable[[int, int], None]:
        """What an export of that client is given as its progress: may be called in any thread."""
        loop = asyncio.get_running_loop()

        def hop(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._tell, client, done, total)

        return hop

    def _tell(self, client: str, done: int, total: int) -> None:
        if not shiboken6.isValid(self) or not self.cancel_button.isEnabled():
            return
        numbers = {"client": client, "done": f"{done:,}", "total": f"{total:,}"}
        if done < total:
            self.said.setText(tr("{client}: {done} of {total} passengers", **numbers))
        else:
            self.said.setText(tr("{client}: {done} of {total} passengers; now its logs", **numbers))
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done if total else 1)

    def stop(self) -> None:
        """Ask to stop; what is being copied at this moment is finished first."""
        if self.cancel_button.isEnabled():
            self.cancel_button.setEnabled(False)
            self.said.setText(tr("Stopping …"))
            self.cancelled.emit()


class CopyDialog(QDialog):
    """The same in front of the window, which waits meanwhile; whoever opened it closes it by `finish`."""

    def __init__(self, place: str, parent: QWidget) -> None:
        """`place` is where everything is copied to."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle(tr("Copying"))
        self.setMinimumWidth(WIDE)
        self.progress = CopyProgress()
        where = QLabel(tr("Copying to {place}", place=place), wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        column = QVBoxLayout(self)
        column.addWidget(where)
        column.addWidget(self.progress)

    def reject(self) -> None:
        """Escape and the title bar's cross ask to stop; the dialog stays until that is so."""
        self.progress.stop()

    def finish(self) -> None:
        """Go away."""
        super().reject()
