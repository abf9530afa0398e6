"""The searches that a person keeps, and what each client passenger is shown with at first."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QInputDialog, QMenu, QToolButton, QWidget

from databus_core.model.query_line import with_term
from databus_gui.i18n import tr
from databus_gui.session import Session
from databus_gui.theme import icon
from databus_gui.widgets.long_text import clipped


class SearchMenu(QToolButton):
    """A button with a menu: the kept searches, and what can be done with the present one."""

    chosen = Signal(str)
    """The line of a search."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._line = ""
        self._client_passenger: str | None = None
        self.setIcon(icon("mdi6.star-outline"))
        self.setText(tr("Searches"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolTip(tr("Searches that are kept, and keeping this one"))
        self.setAccessibleName(tr("Searches"))
        menu = QMenu(self)
        menu.aboutToShow.connect(self._fill)
        self.setMenu(menu)

    def tell(self, line: str, client_passenger: str | None) -> None:
        """What is asked now, and the client passenger that it is about, if it is one."""
        self._line, self._client_passenger = line, client_passenger

    def first_line(self, client_passenger: str) -> str:
        """What that client passenger of the looked-at client is shown with at first; empty for everything."""
        return self._session.settings.first_searches.get(self._key(client_passenger), "")

    def _key(self, client_passenger: str) -> str:
        return f"{self._session.client_id}/{client_passenger}"

    def _fill(self) -> None:
        menu, kept = self.menu(), self._session.settings.searches
        menu.clear()
        for name, line in kept.items():
            action = menu.addAction(icon("mdi6.star"), name.replace("&", "&&"))
            action.setToolTip(line)
            action.triggered.connect(lambda _=False, line=line: self.chosen.emit(line))
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        keep = menu.addAction(icon("mdi6.star-plus-outline"), tr("Keep this search …"))
        keep.setEnabled(bool(self._line))
        keep.triggered.connect(self._ask_name)
        if kept:
            forget = menu.addMenu(icon("mdi6.star-remove-outline"), tr("Forget"))
            for name in kept:
                action = forget.addAction(name.replace("&", "&&"))
                action.triggered.connect(lambda _=False, name=name: self._forget(name))
        if self._client_passenger is not None:
            self._offer_first(menu, self._client_passenger)

    def _offer_first(self, menu: QMenu, client_passenger: str) -> None:
        name = clipped(self._session.names.short(client_passenger), 40)
        rest = with_term(self._line, "passenger", "")
        first = menu.addAction(
            icon("mdi6.eye-check-outline"), tr("Show {passenger} like this at first", passenger=name)
        )
        first.setEnabled(bool(rest) and rest != self.first_line(client_passenger))
        first.triggered.connect(lambda: self._set_first(client_passenger, rest))
        if self.first_line(client_passenger):
            whole = menu.addAction(icon("mdi6.eye-outline"), tr("Show all of {passenger} at first", passenger=name))
            whole.triggered.connect(lambda: self._set_first(client_passenger, ""))

    def _ask_name(self) -> None:
        line = self._line
        dialog = QInputDialog(self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(tr("Keep this search"))
        dialog.setLabelText(tr("Its name:"))
        dialog.setTextValue(line)
        dialog.accepted.connect(lambda: self._keep(dialog.textValue().strip() or line, line))
        dialog.open()

    def _keep(self, name: str, line: str) -> None:
        self._session.settings.searches[name] = line
        self._session.settings.save()
        self._session.say(tr("The search {name} is kept", name=name))

    def _forget(self, name: str) -> None:
        self._session.settings.searches.pop(name, None)
        self._session.settings.save()

    def _set_first(self, client_passenger: str, line: str) -> None:
        firsts = self._session.settings.first_searches
        if line:
            firsts[self._key(client_passenger)] = line
        else:
            firsts.pop(self._key(client_passenger), None)
        self._session.settings.save()
