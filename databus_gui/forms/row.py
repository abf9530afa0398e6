"""One line of a form: title, field, help, what is wrong, the way back to the default."""

from __future__ import annotations

import json
from collections.abc import Iterator

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QToolButton, QWidget

from databus_core.model.passenger import Json
from databus_gui.forms.field import FormContext
from databus_gui.forms.fitting import Fitting
from databus_gui.forms.schema import Kind, Schema, same
from databus_gui.i18n import tr
from databus_gui.theme import Meaning, icon

TITLE_WIDTH = 170


class Row(QWidget):
    """A value of the document with what a person must know about it.

    A value is *written* into the document when somebody gave it: the document as loaded, or a person who changed it
    to something else than its default.
    """

    edited = Signal()

    def __init__(self, schema: Schema, context: FormContext, *, titled: bool = True) -> None:
        super().__init__()
        self.schema = schema
        self._given = self._touched = False
        self._loaded: tuple[bool, Json] = (False, schema.default)
        self.fitting = Fitting(schema, context, schema.default)
        self.fitting.edited.connect(self._on_edited)
        self._title = QLabel(tr(schema.title), wordWrap=True)
        self._help = QLabel(tr(schema.help), wordWrap=True)
        self._problem = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.reset_button = QToolButton(autoRaise=True)
        self._lay_out(titled=titled)

    def _lay_out(self, *, titled: bool) -> None:
        self._title.setBuddy(self.fitting)
        if not titled:
            self._title.hide()
        self._title.setFixedWidth(TITLE_WIDTH)
        self._help.setProperty("meaning", "muted")
        if not titled or not self.schema.help:
            self._help.hide()
        self._problem.setProperty("meaning", "bad")
        self._problem.hide()
        self._problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.reset_button.setIcon(icon("mdi6.restore", Meaning.MUTED))
        self.reset_button.setAccessibleName(tr("Back to the default"))
        self.reset_button.clicked.connect(self.reset)
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset_button.setSizePolicy(policy)
        top = Qt.AlignmentFlag.AlignTop
        line = QHBoxLayout()
        line.addWidget(self.fitting, 1000)
        line.addWidget(self.reset_button, 0, top)
        line.addStretch(1)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 3, 0, 3)
        grid.setVerticalSpacing(2)
        grid.addWidget(self._title, 0, 0, top)
        grid.addLayout(line, 0, 1)
        grid.addWidget(self._problem, 1, 1)
        grid.addWidget(self._help, 2, 1)
        grid.setColumnStretch(1, 1)

    # Value ------------------------------------------------------------------------------------------------------

    def load(self, value: Json) -> None:
        """Show a value that the document has."""
        self._given, self._touched = True, False
        self._show(value)

    def load_nothing(self) -> None:
        """Show the default: the document does not say."""
        self._given = self._touched = False
        self._show(self.schema.default)

    def _show(self, value: Json) -> None:
        self.fitting.set_value(value)
        self._loaded = (self.written, value)
        self._mark()

    def value(self) -> Json:
        """The present value."""
        return self.fitting.value()

    @property
    def written(self) -> bool:
        """Whether the value belongs into the document."""
        if not self._touched:
            return self._given or (self.schema.required and self._speaks_for_itself)
        return self.schema.required or not self.is_default

    @property
    def _speaks_for_itself(self) -> bool:
        """Whether what an untouched field shows (no, an empty list) is a value, and not a question."""
        return self.schema.kind in (Kind.BOOLEAN, Kind.LIST, Kind.OBJECT)

    @property
    def is_default(self) -> bool:
        """Whether the value is the one that nobody needs to write."""
        known = self.schema.has_default or self.schema.kind in (Kind.LIST, Kind.OBJECT, Kind.OTHER)
        return known and same(self.value(), self.schema.default)

    @property
    def changed(self) -> bool:
        """Whether a person changed the value since it was loaded."""
        written, value = self._loaded
        return self.written != written or (written and not same(self.value(), value))

    def accept(self) -> None:
        """What is shown now counts as loaded."""
        self._given, self._touched = self.written, False
        self._loaded = (self._given, self.value())
        for row in self.fitting.field.rows().values():
            row.accept()
        self._mark()

    def reset(self) -> None:
        """Back to the default."""
        self._given = self._touched = False
        self.fitting.set_value(self.schema.default)
        self._on_changed()

    def _on_edited(self) -> None:
        self._touched = True
        self._on_changed()

    def _on_changed(self) -> None:
        self._mark()
        self.edited.emit()

    def _mark(self) -> None:
        font = self._title.font()
        font.setBold(self.changed)
        self._title.setFont(font)
        self._title.setText(tr(self.schema.title) + (" •" if self.changed else ""))
        self._title.setToolTip(tr("Changed, not saved yet") if self.changed else "")
        self.reset_button.setVisible(self.schema.has_default and not self.is_default and not self._title.isHidden())
        shown = json.dumps(self.schema.default, ensure_ascii=False)
        self.reset_button.setToolTip(tr("Back to the default: {value}", value=shown))

    # Problems ---------------------------------------------------------------------------------------------------

    @property
    def problem(self) -> str:
        """What is said to be wrong here; empty when nothing is."""
        return "" if self._problem.isHidden() else self._problem.text()

    def show_problem(self, text: str) -> None:
        """Say what is wrong here, below what was said before; nothing with an empty text."""
        said = self.problem
        self._problem.setText(f"{said}\n{text}" if said and text else text)
        self._problem.setVisible(bool(text))

    def place(self, path: tuple[str | int, ...]) -> tuple[Row, tuple[str | int, ...]]:
        """The innermost row that the path leads to, and what is left of the path behind it."""
        inner = self.fitting.field.rows().get(path[0]) if path else None
        return inner.place(path[1:]) if inner is not None else (self, path)

    def reveal(self, path: tuple[str | int, ...]) -> None:
        """Unfold whatever hides the row that the path leads to."""
        inner = self.fitting.field.rows().get(path[0]) if path else None
        if inner is not None:
            self.fitting.field.reveal(path[0])
            inner.reveal(path[1:])

    def walk(self) -> Iterator[tuple[tuple[str | int, ...], Row]]:
        """This row and every row inside it, with their paths from here."""
        yield (), self
        for part, row in self.fitting.field.rows().items():
            for path, inner in row.walk():
                yield (part, *path), inner
