"""A form made from a model's JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from databus_core.model.passenger import Json
from databus_core.model.problem import Problem, dotted
from databus_gui.forms.containers import ListField, ObjectField, OptionalField
from databus_gui.forms.field import Field, FormContext
from databus_gui.forms.fields import ChoiceField, LinesField, ModuleField, NumberField, SwitchField, TextField
from databus_gui.forms.json_field import JsonField
from databus_gui.forms.row import Row
from databus_gui.forms.schema import RawSchema, Schema
from databus_gui.forms.special_fields import PathField, SecretField

KINDS: tuple[type[Field], ...] = (
    OptionalField,
    ObjectField,
    ListField,
    SecretField,
    PathField,
    ModuleField,
    LinesField,
    TextField,
    NumberField,
    SwitchField,
    ChoiceField,
    JsonField,
)
"""Every kind of field, the most particular first. A new kind is a class and a line here."""


class Form(QScrollArea):
    """Values in, document out.

    The form never validates: whoever uses it builds the model from `document()` and hands the problems to
    `show_problems`. Keys that the schema does not know, the order of the keys and values that nobody touched stay
    as they were.
    """

    edited = Signal()
    """A person changed something."""

    def __init__(self, schema: RawSchema, *, folder: Path | None = None, kinds: Sequence[type[Field]] = KINDS) -> None:
        super().__init__()
        self._context = FormContext(folder or Path.cwd(), kinds=kinds)
        self._root = Row(Schema(schema), self._context, titled=False)
        self._root.edited.connect(self.edited)
        self._root.load({})
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(4, 0, 12, 8)
        layout.addWidget(self._root)
        layout.addStretch(1)
        inside.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)

    # Document ---------------------------------------------------------------------------------------------------

    def set_document(self, document: dict[str, Json]) -> None:
        """Show a document, as loaded."""
        self._root.load(document)

    def document(self) -> dict[str, Json]:
        """What the form says: what was loaded, what was changed; defaults that nobody wrote are left out."""
        return cast("dict[str, Json]", self._root.value())

    @property
    def changed(self) -> bool:
        """Whether a person changed something since the document was loaded."""
        return self._root.changed or bool(self.flaws())

    def accept(self) -> None:
        """The document is saved: what is shown now counts as loaded."""
        self._root.accept()

    def offer(self, picker: str, modules: Sequence[str]) -> None:
        """Fill the module pickers of that name."""
        self._context.offers[picker] = modules
        for field in self.findChildren(ModuleField):
            if field.schema.picker == picker:
                field.offer(modules)

    def set_folder(self, folder: Path) -> None:
        """Relative paths start at another folder now."""
        self._context.folder = folder

    # Problems ---------------------------------------------------------------------------------------------------

    def flaws(self) -> list[Problem]:
        """Where what is written is no value at all, so that `document` cannot have it."""
        flaws = ((path, row.fitting.field.flaw()) for path, row in self._root.walk())
        return [Problem(path, flaw) for path, flaw in flaws if flaw]

    def show_problems(self, problems: Iterable[Problem], *, reveal: bool = False) -> list[Problem]:
        """Say at each field what is wrong with it, and nothing at the others; answers those that have no field.

        With `reveal`, folded groups open and the first problem is scrolled to.
        """
        for _path, row in self._root.walk():
            row.show_problem("")
        placeless: list[Problem] = []
        first: Row | None = None
        for problem in problems:
            row, rest = self._root.place(problem.path)
            if row is self._root:
                placeless.append(problem)
                continue
            row.show_problem(f"{dotted(rest)}: {problem.message}" if rest else problem.message)
            first = first or row
            if reveal:
                self._root.reveal(problem.path)
        if first is not None and reveal:
            QTimer.singleShot(0, first, lambda: self.ensureWidgetVisible(first))
        return placeless

    def row(self, *path: str | int) -> Row:
        """The row at that path. Raises KeyError."""
        row, rest = self._root.place(path)
        if rest:
            raise KeyError(dotted(path))
        return row
