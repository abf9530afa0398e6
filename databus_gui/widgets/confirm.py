"""A question that is answered before something is done that cannot be taken back."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


async def confirmed(parent: QWidget, title: str, question: str, more: str, do: str) -> bool:
    """Ask, with a button that is called `do` and one that does nothing; Escape and Enter do nothing, too."""
    box = QMessageBox(QMessageBox.Icon.Warning, title, question, parent=parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(more)
    button = box.addButton(do, QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def on_finished() -> None:
        if not answer.done():
            answer.set_result(box.clickedButton() is button)

    box.finished.connect(on_finished)
    box.open()
    return await answer
