"""An editor for JSON text that shows line by line what is wrong with it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from databus_core.model.json_text import flaw
from databus_core.model.passenger import Json
from databus_core.model.problem import Problem
from databus_gui.forms.code_edit import CodeEdit
from databus_gui.forms.find_bar import FindBar
from databus_gui.forms.json_layout import laid_out
from databus_gui.i18n import tr
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.long_text import folded, longest_line

CHECK_MS = 250
"""The text is looked at when nobody has typed for so long."""
LONGEST_LINE = 100_000
"""Characters of a line that the editor shows as it is; typing in longer ones would hold up the window."""
SHOWN_PROBLEMS = 5
"""Height of the list of problems in lines; further ones are scrolled to."""


class JsonEditor(QWidget):
    """JSON text with line numbers, colours, problems, find (Ctrl+F), go to line (Ctrl+G) and format (Ctrl+Shift+F)."""

    edited = Signal()
    """A person changed the text; at once."""
    checked = Signal()
    """The text was looked at, CHECK_MS after the last change: `syntax_problem` and `document` speak of it now."""

    def __init__(self, *, lines: int | None = None) -> None:
        super().__init__()
        self.editor = CodeEdit()
        self.find_bar = FindBar(self.editor)
        self.problem_list = QListWidget()
        self.syntax_problem: Problem | None = None
        self._folded = ""
        self._read_only = False
        self._other_problems: list[Problem] = []
        self._timer = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._timer.timeout.connect(self.check)
        self.editor.textChanged.connect(self._on_text_changed)
        self.problem_list.itemClicked.connect(self._on_chosen)
        self.problem_list.itemActivated.connect(self._on_chosen)
        self._lay_out(lines)
        for keys, slot in (
            (QKeySequence.StandardKey.Find, self.find_bar.start),
            (QKeySequence("F3"), self.find_bar.go),
            (QKeySequence("Shift+F3"), lambda: self.find_bar.go(backward=True)),
            (QKeySequence("Ctrl+G"), lambda: self.find_bar.start(":")),
            (QKeySequence("Ctrl+Shift+F"), self.format),
        ):
            QShortcut(QKeySequence(keys), self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _lay_out(self, lines: int | None) -> None:
        if lines is not None:
            self.editor.setFixedHeight(self.editor.fontMetrics().lineSpacing() * lines + 12)
        self.problem_list.setAccessibleName(tr("Problems"))
        self.problem_list.setWordWrap(True)
        self.problem_list.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.editor, 1)
        layout.addWidget(self.find_bar)
        layout.addWidget(self.problem_list)
        self.setFocusProxy(self.editor)

    # Text -------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The text, exactly as it was set unless somebody changed it, or its lines were too long; see `set_text`."""
        return self._folded or self.editor.text()

    def set_text(self, text: str) -> None:
        """Show another text, as loaded.

        JSON with lines of more than LONGEST_LINE characters is laid out anew; what has such lines even so (a long
        string) is shown folded and cannot be changed here.
        """
        if longest_line(text) > LONGEST_LINE:
            with contextlib.suppress(ValueError, RecursionError):
                json.loads(text.removeprefix("\ufeff"))
                text = laid_out(text)
        self._folded = text if longest_line(text) > LONGEST_LINE else ""
        self.editor.blockSignals(True)
        self.editor.set_text(folded(text) if self._folded else text)
        self.editor.blockSignals(False)
        self.set_read_only(read_only=self._read_only)
        self._other_problems = []
        self.check()

    def accept(self) -> None:
        """The text is saved: it counts as the one that was set, and the cursor stays."""
        self.editor.accept()

    @property
    def modified(self) -> bool:
        """Whether somebody changed the text since it was set."""
        return self.editor.document().isModified()

    def document(self) -> Json:
        """The text's value. Raises ValueError when it is no JSON."""
        return json.loads(self.text().removeprefix("\ufeff"))

    def format(self) -> None:
        """Lay the text out anew, if it is JSON, in one step that can be undone."""
        if self.editor.isReadOnly():
            return
        self.check()
        if self.syntax_problem is None:
            self.editor.replace_text(laid_out(self.text()))

    def set_read_only(self, *, read_only: bool) -> None:
        """Only look at the text."""
        self._read_only = read_only
        self.editor.setReadOnly(read_only or self.folded)

    @property
    def folded(self) -> bool:
        """Whether the text is shown folded, to be read only."""
        return bool(self._folded)

    def _on_text_changed(self) -> None:
        self._timer.start()
        self.edited.emit()

    # Problems ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look at the text now."""
        self._timer.stop()
        self.syntax_problem = self._flaw()
        self._show_problems()
        self.checked.emit()

    def _flaw(self) -> Problem | None:
        if self.folded:
            length = f"{longest_line(self._folded):,}"
            return Problem((), tr("A line of {n} characters is too long to be edited here.", n=length))
        try:
            self.document()
        except json.JSONDecodeError as error:
            return flaw(error)
        except (ValueError, RecursionError) as error:
            return Problem((), str(error))
        return None

    @property
    def problems(self) -> list[Problem]:
        """What is wrong: the JSON itself, or else what the text says."""
        return [self.syntax_problem] if self.syntax_problem else self._other_problems

    def set_problems(self, problems: Sequence[Problem]) -> None:
        """Show what is wrong with what the text says; until the text is set anew or this is called again."""
        self._other_problems = list(problems)
        self._show_problems()

    def _show_problems(self) -> None:
        self.editor.mark(self.problems)
        self.problem_list.clear()
        for problem in self.problems:
            item = QListWidgetItem(icon("mdi6.alert-circle", Meaning.BAD), str(problem))
            item.setData(Qt.ItemDataRole.UserRole, problem)
            self.problem_list.addItem(item)
        lines = min(len(self.problems), SHOWN_PROBLEMS)
        self.problem_list.setFixedHeight(lines * max(self.problem_list.sizeHintForRow(0), 1) + 6)
        self.problem_list.setVisible(bool(lines))

    def _on_chosen(self, item: QListWidgetItem) -> None:
        problem: Problem = item.data(Qt.ItemDataRole.UserRole)
        if problem.line:
            self.editor.go_to(problem.line, problem.column or 1)
            self.editor.setFocus()
