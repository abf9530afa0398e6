"""What a list says while there is nothing in it, and where else to look."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QLabel

from databus_core.model.client import ROOT
from databus_gui.i18n import tr
from databus_gui.session import Session
from databus_gui.theme import Meaning

MARGIN = 24
CLIENTS_SHOWN = 20
"""Further ones are chosen in the toolbar."""


class EmptyState(QLabel):
    """A sentence in the middle of an empty list; where `root` is looked at, with a link to each other client."""

    def __init__(self, area: QAbstractScrollArea, session: Session) -> None:
        super().__init__(area.viewport(), wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self._session, self._viewport = session, area.viewport()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setProperty("meaning", Meaning.MUTED.value)
        links = Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        self.setTextInteractionFlags(links)
        self.linkActivated.connect(session.choose_client)
        self._viewport.installEventFilter(self)
        self.hide()

    def say(self, sentence: str) -> None:
        """Say this; empty: hide."""
        self.setText(escape(sentence).replace("\n", "<br>"))
        self.setVisible(bool(sentence))
        self._fit()

    def say_one_client(self, sentence: str) -> bool:
        """Say this where root is looked at and has other clients beside it, which can be chosen; whether it was said.

        `sentence` tells that the page shows one client at a time.
        """
        others = [client_id for client_id in self._session.client_ids if client_id != ROOT]
        fitting = self._session.client_id == ROOT and bool(others)
        self.say(sentence if fitting else "")
        if fitting:
            links = [f'<a href="{escape(each)}">{escape(each)}</a>' for each in others[:CLIENTS_SHOWN]]
            links += ["…"] if len(others) > CLIENTS_SHOWN else []
            self.setText(f"{self.text()}<br><br>{escape(tr('Look at client'))} {' · '.join(links)}")
        return fitting

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._viewport:
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        self.setGeometry(self._viewport.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN))
