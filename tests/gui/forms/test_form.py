from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from databus_core.model.problem import Problem, problems_of
from databus_core.model.ticket import DispatcherTicket
from databus_gui.forms.containers import ListField, OptionalField
from databus_gui.forms.fields import ChoiceField, ModuleField, NumberField, SwitchField, TextField
from databus_gui.forms.form import Form
from databus_gui.forms.json_field import JsonField
from databus_gui.forms.schema import same
from databus_gui.forms.special_fields import PathField, SecretField

FieldT = TypeVar("FieldT")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    name: str
    x: int = 0
    tags: list[str] = []


class Everything(BaseModel):
    text: str = "hello"
    needed: str
    whole: int = Field(default=4, ge=1, le=9_000)
    decimal: float = 0.5
    switch: bool = True
    colour: Colour = Colour.RED
    maybe: int | None = None
    maybe_colour: Colour | None = Colour.BLUE
    maybe_point: Point | None = None
    words: list[str] = []
    points: list[Point] = Field(default_factory=list[Point])
    place: Point = Point(name="home")
    free: dict[str, Any] = Field(default_factory=dict)
    pair: tuple[int, str] = (1, "a")
    either: int | str = 3
    secret: str = Field(default="", json_schema_extra={"format": "password"})
    folder: Path = Path("data")
    engine_module: str = "a.b"
    level: Literal[1, 2, 3] = 2
    hidden: str = Field(default="x", json_schema_extra={"group": "advanced"})
    inner: Annotated[int, Field(ge=0)] = 1
    itself: Everything | None = None


SCHEMA = Everything.model_json_schema()["$defs"]["Everything"] | {"$defs": Everything.model_json_schema()["$defs"]}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
JSONS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
POINTS = st.builds(Point, name=TEXTS, x=st.integers(), tags=st.lists(TEXTS, max_size=3))
MODELS = st.builds(
    Everything,
    text=TEXTS,
    needed=TEXTS,
    whole=st.integers(1, 9_000),
    decimal=st.floats(allow_nan=False, allow_infinity=False),
    maybe=st.none() | st.integers(),
    maybe_point=st.none() | POINTS,
    words=st.lists(TEXTS, max_size=3),
    points=st.lists(POINTS, max_size=2),
    place=POINTS,
    free=st.dictionaries(TEXTS, JSONS, max_size=3),
    pair=st.tuples(st.integers(), TEXTS),
    either=st.integers() | TEXTS,
    secret=TEXTS,
    folder=st.just(Path("x/y")),
    engine_module=TEXTS,
    hidden=TEXTS,
    itself=st.none() | st.builds(Everything, needed=TEXTS, itself=st.none()),
)


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    form = Form(SCHEMA)
    qtbot.addWidget(form)
    return form


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=MODELS, short=st.booleans())
def test_a_models_values_come_back_as_they_were_given(form: Form, model: Everything, short: bool) -> None:
    document = model.model_dump(mode="json", exclude_defaults=short)
    form.set_document(document)
    assert same(form.document(), document)
    assert list(form.document()) == list(document)
    assert Everything.model_validate(form.document()) == model
    assert not form.changed


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.dictionaries(st.sampled_from(list(Everything.model_fields)) | TEXTS, JSONS, max_size=6))
def test_a_wrong_document_comes_back_as_it_was_given(form: Form, document: dict[str, Any]) -> None:
    form.set_document(document)
    assert same(form.document(), document)
    assert list(form.document()) == list(document)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text("abc xyz<>{}", min_size=1, max_size=10),
    whole=st.integers(-99, 99_999),
    switch=st.booleans(),
    level=st.sampled_from([1, 2, 3]),
    words=st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
)
def test_what_a_person_types_is_what_the_document_says(
    qtbot: QtBot, text: str, whole: int, switch: bool, level: int, words: list[str]
) -> None:
    form = Form(SCHEMA)
    qtbot.addWidget(form)
    form.show()
    form.set_document({})
    type_into(qtbot, form, "needed", text)
    type_into(qtbot, form, "whole", str(whole))
    box = field_at(form, SwitchField, "switch").box
    if box.isChecked() != switch:
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(6, box.height() // 2))
    choice = field_at(form, ChoiceField, "level").box
    qtbot.keyClicks(choice, str(level))
    added = field_at(form, ListField, "words")
    for number, word in enumerate(words):
        qtbot.mouseClick(added.add_button, Qt.MouseButton.LeftButton)
        type_into(qtbot, form, "words", number, word)
    document = form.document()
    given = {"needed": text, "whole": whole, "switch": switch, "level": level, "words": words}
    defaults = {"whole": 4, "switch": True, "level": 2, "words": []}
    assert document == {key: value for key, value in given.items() if defaults.get(key) != value}


def field_at(form: Form, kind: type[FieldT], *path: str | int) -> FieldT:
    field = form.row(*path).fitting.field
    assert isinstance(field, kind)
    return field


def type_into(qtbot: QtBot, form: Form, *path_and_text: str | int) -> None:
    *path, text = path_and_text
    field = form.row(*path).fitting.field
    line = field.findChild(QLineEdit)
    assert line is not None
    line.selectAll()
    qtbot.keyClick(line, Qt.Key.Key_Delete)
    qtbot.keyClicks(line, str(text))


def test_defaults_are_not_written_and_changes_are_marked(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n", "text": "hello"})
    form.show()
    type_into(qtbot, form, "whole", "7")
    assert form.changed
    assert form.row("whole").changed
    assert not form.row("text").changed
    assert form.document() == {"needed": "n", "text": "hello", "whole": 7}
    type_into(qtbot, form, "whole", "4")
    assert not form.changed
    assert form.document() == {"needed": "n", "text": "hello"}


def test_reset_takes_a_value_out_of_the_document(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n", "whole": 7})
    form.show()
    row = form.row("whole")
    assert row.reset_button.isVisible()
    qtbot.mouseClick(row.reset_button, Qt.MouseButton.LeftButton)
    assert form.document() == {"needed": "n"}
    assert form.changed
    assert not row.reset_button.isVisible()
    form.accept()
    assert not form.changed


def test_what_is_no_number_is_passed_on_for_the_model_to_judge(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n"})
    type_into(qtbot, form, "whole", "many")
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(form.document())
    problems = problems_of(caught.value, Everything)
    assert form.show_problems(problems) == []
    assert "'many' is not allowed" in form.row("whole").problem
    assert form.row("text").problem == ""


def test_steps_stay_within_what_the_schema_allows(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n", "whole": 8_999})
    box = field_at(form, NumberField, "whole").box
    for _ in range(3):
        qtbot.keyClick(box, Qt.Key.Key_Up)
    assert form.document()["whole"] == 9_000


def test_the_wheel_changes_nothing_without_focus(form: Form) -> None:
    form.set_document({"needed": "n"})
    form.show()
    box = field_at(form, NumberField, "whole").box
    place = box.rect().center()
    QApplication.sendEvent(
        box,
        QWheelEvent(
            place,
            box.mapToGlobal(place),
            QPoint(0, 0),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )
    assert form.document() == {"needed": "n"}


def test_list_items_move_and_go(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n", "words": ["a", "b", "c"]})
    form.show()
    form.activateWindow()
    words = field_at(form, ListField, "words")
    qtbot.mouseClick(words.items[2].up, Qt.MouseButton.LeftButton)
    assert form.document()["words"] == ["a", "c", "b"]
    line = words.items[0].findChild(QLineEdit)
    assert line is not None
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    qtbot.keyClick(line, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert form.document()["words"] == ["c", "a", "b"]
    assert not words.items[2].down.isEnabled()
    qtbot.mouseClick(words.items[0].remove, Qt.MouseButton.LeftButton)
    assert form.document()["words"] == ["a", "b"]


def test_objects_in_a_list_say_what_they_miss(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n"})
    form.show()
    qtbot.mouseClick(field_at(form, ListField, "points").add_button, Qt.MouseButton.LeftButton)
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(form.document())
    assert form.show_problems(problems_of(caught.value, Everything)) == []
    assert form.row("points", 0, "name").problem == "is missing"
    type_into(qtbot, form, "points", 0, "name", "north")
    assert Everything.model_validate(form.document()).points == [Point(name="north")]


def test_an_optional_value_is_set_by_its_box(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n"})
    form.show()
    box = field_at(form, OptionalField, "maybe_point").box
    qtbot.keyClick(box, Qt.Key.Key_Space)
    type_into(qtbot, form, "maybe_point", "name", "p")
    assert form.document()["maybe_point"] == {"name": "p"}
    qtbot.keyClick(box, Qt.Key.Key_Space)
    assert form.document() == {"needed": "n"}


def test_problems_go_to_the_nearest_field_and_unfold_it(form: Form) -> None:
    form.set_document({"needed": "n", "free": {"a": 1}, "unknown": {"deep": 1}})
    form.show()
    assert not form.row("hidden").isVisible()
    left = form.show_problems(
        [
            Problem(("free", "a", 3), "is odd"),
            Problem(("hidden",), "is bad"),
            Problem(("unknown",), "is not known"),
            Problem(("nowhere",), "is not there"),
            Problem((), "all is wrong"),
        ],
        reveal=True,
    )
    assert [str(problem) for problem in left] == ["nowhere: is not there", "all is wrong"]
    assert form.row("free").problem == "a[3]: is odd"
    assert form.row("hidden").problem == "is bad"
    assert form.row("hidden").isVisible()
    assert form.row("unknown").problem == "is not known"
    assert form.show_problems([]) == []
    assert form.row("free").problem == ""


def test_broken_json_in_a_field_is_a_flaw_and_not_lost(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n", "free": {"a": 1}})
    form.show()
    editor = field_at(form, JsonField, "free").editor.editor
    editor.selectAll()
    qtbot.keyClicks(editor, '{"a": ')
    assert form.changed
    assert [flaw.path for flaw in form.flaws()] == [("free",)]
    qtbot.keyClicks(editor, "2}")
    assert form.flaws() == []
    assert form.document()["free"] == {"a": 2}


def test_a_password_is_hidden_until_it_is_asked_for(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n", "secret": "s3cret"})
    field = field_at(form, SecretField, "secret")
    assert field.edit.displayText() == "●" * 6
    field.show_button.trigger()
    assert field.edit.displayText() == "s3cret"


def test_a_module_is_picked_from_what_is_offered_or_typed(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "n"})
    form.offer("engine_module", ["one.engine", "two.engine"])
    field = field_at(form, ModuleField, "engine_module")
    assert form.document() == {"needed": "n"}
    qtbot.keyClick(field.box, Qt.Key.Key_Down)
    assert form.document()["engine_module"] == "one.engine"
    type_into(qtbot, form, "engine_module", "my.own")
    assert form.document()["engine_module"] == "my.own"


def test_a_picked_path_below_the_folder_is_relative(qtbot: QtBot, tmp_path: Path) -> None:
    form = Form(SCHEMA, folder=tmp_path)
    qtbot.addWidget(form)
    form.set_document({"needed": "n"})
    field = field_at(form, PathField, "folder")
    field.pick(folder=True)
    dialog = field.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.isVisible()
    (tmp_path / "inbox").mkdir()
    dialog.fileSelected.emit(str(tmp_path / "inbox"))
    assert form.document()["folder"] == "inbox"
    dialog.fileSelected.emit("/elsewhere")
    assert form.document()["folder"] == "/elsewhere"
    dialog.reject()


def test_text_of_several_lines_keeps_them(qtbot: QtBot, form: Form) -> None:
    form.set_document({"needed": "one\ntwo\u00a0"})
    assert not isinstance(form.row("needed").fitting.field, TextField)
    assert form.document() == {"needed": "one\ntwo\u00a0"}


def test_every_option_of_a_ticket_has_a_field(qtbot: QtBot) -> None:
    form = Form(DispatcherTicket.model_json_schema())
    qtbot.addWidget(form)
    form.set_document({"external_config_files": [{"client_id": "demo", "file_id": "f", "path": "f.json"}]})
    for option in DispatcherTicket.model_fields:
        assert form.row(option).schema.help
    assert field_at(form, PathField, "external_config_files", 0, "path").value() == "f.json"
    assert field_at(form, ModuleField, "database_module").value() == "databus_core.database.json_files"
