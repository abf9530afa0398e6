from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from databus_core.model.problem import Problem
from databus_gui.forms.json_editor import JsonEditor
from databus_gui.forms.json_layout import laid_out
from databus_gui.settings import ThemeChoice
from databus_gui.theme import Meaning, colour, use_theme

TEXT = '{\n  "name": "Änne 🚌",\n  "spans": [1, 2.5, true]\n}\n'


@pytest.fixture
def editor(qtbot: QtBot) -> JsonEditor:
    editor = JsonEditor()
    qtbot.addWidget(editor)
    editor.resize(600, 400)
    editor.show()
    editor.activateWindow()
    editor.editor.setFocus()
    qtbot.waitUntil(editor.editor.hasFocus)
    return editor


def colour_at(editor: JsonEditor, line: int, column: int) -> QColor:
    """What the character is coloured with; both count from 1."""
    block = editor.editor.document().findBlockByNumber(line - 1)
    formats = [part for part in block.layout().formats() if part.start <= column - 1 < part.start + part.length]
    return formats[-1].format.foreground().color()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_untouched_text_comes_back_exactly(editor: JsonEditor, text: str) -> None:
    editor.set_text(text)
    assert editor.text() == text
    assert not editor.modified


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.text(st.characters(exclude_categories=["Cs"])) | st.integers(), lambda inner: st.lists(inner, max_size=3)
    ),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_touched_text_keeps_its_meaning_and_line_ends(
    qtbot: QtBot, editor: JsonEditor, value: object, line_end: str
) -> None:
    text = json.dumps(["ä\u00a0", value], ensure_ascii=False, indent=1).replace("\n", line_end)
    editor.set_text(text)
    qtbot.keyClicks(editor.editor, " ")
    assert editor.modified
    assert editor.document() == ["ä\u00a0", value]
    assert editor.text().count("\r\n") == text.count("\r\n")


def test_broken_json_is_marked_on_its_line_while_typing(qtbot: QtBot, editor: JsonEditor) -> None:
    editor.set_text(TEXT)
    assert editor.problem_list.isHidden()
    editor.editor.go_to(3, 13)
    with qtbot.waitSignal(editor.checked):
        qtbot.keyClicks(editor.editor, "]")
    assert editor.syntax_problem is not None
    assert editor.syntax_problem.line == 3
    assert editor.editor.marked_lines == [3]
    assert "line 3" in editor.problem_list.item(0).text()
    with qtbot.waitSignal(editor.checked):
        qtbot.keyClick(editor.editor, Qt.Key.Key_Backspace)
    assert editor.problem_list.isHidden()
    assert editor.editor.marked_lines == []


def test_a_click_on_a_problem_leads_to_its_place(qtbot: QtBot, editor: JsonEditor) -> None:
    editor.set_text(TEXT)
    editor.set_problems([Problem(("name",), "is odd", 2, 11), Problem(("spans", 1), "is odd", 3, 16)])
    assert editor.editor.marked_lines == [2, 3]
    assert editor.editor.said_at(3) == "line 3, spans[1]: is odd"
    area = editor.problem_list.visualItemRect(editor.problem_list.item(1))
    qtbot.mouseClick(editor.problem_list.viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    cursor = editor.editor.textCursor()
    assert (cursor.blockNumber() + 1, cursor.positionInBlock() + 1) == (3, 16)
    assert editor.editor.hasFocus()


def test_columns_count_characters_not_what_qt_counts(editor: JsonEditor) -> None:
    editor.set_text('["🚌🚌", 12]')
    editor.editor.go_to(1, 8)
    cursor = editor.editor.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
    assert cursor.selectedText() == "12]"


def test_find_walks_through_all_places_and_around(qtbot: QtBot, editor: JsonEditor) -> None:
    editor.set_text('["bus", "Bus", "tram", "BUS"]')
    qtbot.keyClick(editor.editor, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(editor.find_bar.edit.hasFocus)
    qtbot.keyClicks(editor.find_bar.edit, "bus")
    assert editor.editor.textCursor().selectionStart() == 2
    assert editor.find_bar.said.text() == "3 places"
    for place in (9, 24, 2):
        qtbot.keyClick(editor.find_bar.edit, Qt.Key.Key_Return)
        assert editor.editor.textCursor().selectionStart() == place
    qtbot.keyClick(editor.find_bar.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert editor.editor.textCursor().selectionStart() == 24
    qtbot.keyClick(editor.find_bar.edit, Qt.Key.Key_Escape)
    assert editor.find_bar.isHidden()
    assert editor.editor.hasFocus()


def test_go_to_line(qtbot: QtBot, editor: JsonEditor) -> None:
    editor.set_text(TEXT)
    qtbot.keyClick(editor.editor, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(editor.find_bar.edit.hasFocus)
    qtbot.keyClicks(editor.find_bar.edit, "3")
    qtbot.keyClick(editor.find_bar.edit, Qt.Key.Key_Return)
    assert editor.editor.textCursor().blockNumber() == 2


def test_format_is_one_step_back(qtbot: QtBot, editor: JsonEditor) -> None:
    editor.set_text('{"b":1,"a":["ä",2.50]}')
    control_shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(editor.editor, Qt.Key.Key_F, control_shift)
    assert editor.text() == '{\n  "b": 1,\n  "a": [\n    "ä",\n    2.50\n  ]\n}\n'
    qtbot.keyClick(editor.editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert editor.text() == '{"b":1,"a":["ä",2.50]}'
    qtbot.keyClicks(editor.editor, "x")
    qtbot.keyClick(editor.editor, Qt.Key.Key_F, control_shift)
    assert sorted(editor.text()) == sorted('x{"b":1,"a":["ä",2.50]}')


JSONS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(value=JSONS, indent=st.none() | st.integers(0, 3), plain=st.booleans())
def test_layout_changes_nothing_but_space(value: object, indent: int | None, plain: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=plain)
    assert json.loads(laid_out(text)) == value
    assert laid_out(text) == json.dumps(value, indent=2, ensure_ascii=plain) + "\n"


def test_layout_keeps_every_spelling() -> None:
    text = r'{"a": 1.500, "a": 12345678901234567890.10, "\u00e4": [1E5, {}, [ ]]}'
    assert "".join(laid_out(text).split()) == "".join(text.split())


def test_enter_keeps_the_depth(qtbot: QtBot, editor: JsonEditor) -> None:
    editor.set_text('  "a": {')
    editor.editor.go_to(1, 99)
    qtbot.keyClick(editor.editor, Qt.Key.Key_Return)
    qtbot.keyClicks(editor.editor, '"b": 1,')
    qtbot.keyClick(editor.editor, Qt.Key.Key_Return)
    assert editor.text() == '  "a": {\n    "b": 1,\n    '


@pytest.mark.parametrize("choice", [ThemeChoice.LIGHT, ThemeChoice.DARK])
def test_colours_follow_the_theme(qtbot: QtBot, qapp: QApplication, editor: JsonEditor, choice: ThemeChoice) -> None:
    editor.set_text(TEXT)
    use_theme(qapp, choice)
    assert colour_at(editor, 2, 3) == colour(Meaning.ACCENT)
    assert colour_at(editor, 2, 12) == colour(Meaning.GOOD)
    assert colour_at(editor, 3, 16) == colour(Meaning.CAUTION)


def test_one_long_line_is_laid_out(editor: JsonEditor) -> None:
    value = {f"key {number}": number for number in range(20_000)}
    began = time.perf_counter()
    editor.set_text(json.dumps(value))
    editor.grab()
    assert time.perf_counter() - began < 5
    assert editor.editor.blockCount() == 20_003
    assert editor.document() == value
    assert editor.problems == []
    assert not editor.modified


def test_a_string_too_long_to_be_edited_is_shown_folded(qtbot: QtBot, editor: JsonEditor) -> None:
    text = laid_out(json.dumps({"key": "x" * 500_000}))
    began = time.perf_counter()
    editor.set_text(text)
    editor.grab()
    qtbot.keyClicks(editor.editor, "y")
    assert time.perf_counter() - began < 5
    assert editor.text() == text
    assert "too long to be edited" in str(editor.problems[0])
    editor.set_text("{}")
    assert editor.problems == []
    qtbot.keyClicks(editor.editor, " ")
    assert editor.text() == " {}"
