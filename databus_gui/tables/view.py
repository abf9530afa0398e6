"""How tables look and are handled: remembered columns, copying, activation, a sentence where there are no rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QItemSelection, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QMenu, QTableView, QWidget

from databus_gui.i18n import tr
from databus_gui.settings import Settings
from databus_gui.tables.column import Column, to_copy
from databus_gui.tables.column_menu import show_column_menu
from databus_gui.tables.delegates import ProseDelegate
from databus_gui.tables.model import ROW_ROLE, AnyIndex, TableModel
from databus_gui.tables.new_rows import NewRows
from databus_gui.theme import Meaning, colour

RowT = TypeVar("RowT")

ROW_HEIGHT = 26
SAVE_MS = 500


class TableView(QTableView, Generic[RowT]):
    """A table of whole rows over a TableModel.

    `name` is the key under which its columns are remembered. `empty_text` is shown when there are no rows.
    Context menu entries of the page: override or set `row_actions`, which answers QActions for the chosen rows.
    """

    row_chosen = Signal(object)
    """The current row's object, or None: the selection is another one."""
    row_activated = Signal(object)
    """The row's object: double click or Enter."""
    link_clicked = Signal(object, str)
    """The row's object and the key of the column whose link was clicked."""

    def __init__(self, model: TableModel[RowT], name: str, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table_model = model
        self.empty_text = ""
        self.row_actions: Callable[[], Sequence[QAction]] = lambda: ()
        self._name, self._settings = name, settings
        self._chosen_id: str | None = None
        self._top: tuple[QPersistentModelIndex, int] | None = None
        self.new_rows = NewRows(self)
        self._save = QTimer(self, singleShot=True, interval=SAVE_MS)
        self._save.timeout.connect(self._remember_columns)
        self._set_up()
        self.setModel(model)
        for number, column in enumerate(model.columns):
            if column.prose:
                self.setItemDelegateForColumn(number, ProseDelegate(self))
        self._restore_columns()
        self._connect()

    def _set_up(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setSectionResizeMode(self.verticalHeader().ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def _connect(self) -> None:
        model, header = self.table_model, self.horizontalHeader()
        header.customContextMenuRequested.connect(self._show_column_menu)
        header.sectionResized.connect(self._save_soon)
        header.sectionMoved.connect(self._save_soon)
        header.sortIndicatorChanged.connect(self._on_sort_changed)
        model.modelReset.connect(self._on_rows_replaced)
        model.loaded.connect(self._on_loaded)
        model.layoutAboutToBeChanged.connect(self._keep_top)
        model.layoutChanged.connect(self._restore_top)
        self.verticalScrollBar().valueChanged.connect(self._tell_visible_rows)

    # Rows -------------------------------------------------------------------------------------------------------

    def current_row(self) -> RowT | None:
        """The row that the keyboard is on, if it is selected and here."""
        index = self.currentIndex()
        if not index.isValid() or not self.selectionModel().isRowSelected(index.row()):
            return None
        return index.data(ROW_ROLE)

    def chosen_rows(self) -> list[RowT]:
        """The selected rows that are here, from top to bottom. Costs the same when a million others are selected."""
        places = sorted(self.chosen_places())
        return [row for first, number in places for row in self.table_model.rows_here(first, number)]

    def chosen_places(self) -> list[tuple[int, int]]:
        """The selected rows, here or not: the number of the first and how many follow each other, for each bunch."""
        selection = self.selectionModel().selection()
        parts = [selection.at(number) for number in range(selection.size())]
        return [(part.top(), part.height()) for part in parts]

    def choose(self, row_id: str) -> bool:
        """Select the row of that id and bring it to sight; False when its page is not here."""
        number = self.table_model.number_of(row_id)
        if number is None:
            return False
        self.selectRow(number)
        self.scrollTo(self.table_model.index(number, 0))
        return True

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        self._tell_chosen()

    def currentChanged(self, current: AnyIndex, previous: AnyIndex) -> None:
        super().currentChanged(current, previous)
        QTimer.singleShot(0, self, self._tell_chosen)  # Qt moves the current row before it selects it

    def _tell_chosen(self) -> None:
        row = self.current_row()
        chosen = None if row is None else self.table_model.id_of(row)
        if chosen != self._chosen_id:
            self._chosen_id = chosen
            self.row_chosen.emit(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        index = self.indexAt(event.position().toPoint())
        if event.button() is Qt.MouseButton.LeftButton and self._link_at(index) is None:
            self._activate(index)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        row = self._link_at(index)
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if row is not None and plain and event.button() is Qt.MouseButton.LeftButton:
            self.link_clicked.emit(row, self.table_model.columns[index.column()].key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        link = self._link_at(self.indexAt(event.position().toPoint())) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if link else Qt.CursorShape.ArrowCursor)

    def _link_at(self, index: QModelIndex) -> RowT | None:
        """The row, where the cell is a link."""
        row: RowT | None = index.data(ROW_ROLE) if index.isValid() else None
        link = self.table_model.columns[index.column()].link if index.isValid() else None
        return row if row is not None and link is not None and link(row) else None

    def _activate(self, index: QModelIndex) -> None:
        row = index.data(ROW_ROLE) if index.isValid() else None
        if row is not None:
            self.row_activated.emit(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_rows()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._activate(self.currentIndex())
        else:
            super().keyPressEvent(event)

    # Copying ----------------------------------------------------------------------------------------------------

    def copy_cell(self) -> None:
        """Put the current cell's text on the clipboard."""
        index = self.currentIndex()
        row: RowT | None = index.data(ROW_ROLE) if index.isValid() else None
        text = "" if row is None else to_copy(self.table_model.columns[index.column()], row)
        QGuiApplication.clipboard().setText(text)

    def copy_rows(self) -> None:
        """Put the selected rows on the clipboard: titles first, cells divided by tabs, as spreadsheets take them."""
        columns = self.shown_columns()
        lines = ["\t".join(column.title for column in columns)]
        lines += ["\t".join(to_copy(column, row) for column in columns) for row in self.chosen_rows()]
        QGuiApplication.clipboard().setText("\n".join(lines))

    def copy_json(self) -> None:
        """Put the selected rows on the clipboard as a JSON array of objects, with every column by its key."""
        columns = self.table_model.columns
        rows = [{column.key: to_copy(column, row) for column in columns} for row in self.chosen_rows()]
        QGuiApplication.clipboard().setText(json.dumps(rows, ensure_ascii=False, indent=2))

    def shown_columns(self) -> list[Column[RowT]]:
        """The columns that are not hidden, from left to right."""
        header = self.horizontalHeader()
        order = [header.logicalIndex(place) for place in range(header.count())]
        return [self.table_model.columns[number] for number in order if not header.isSectionHidden(number)]

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self.indexAt(event.pos()).isValid():
            menu.addActions(list(self.row_actions()))
            menu.addSeparator()
            menu.addAction(tr("Copy cell"), self.copy_cell)
            menu.addAction(tr("Copy rows"), QKeySequence.StandardKey.Copy, self.copy_rows)
            menu.addAction(tr("Copy as JSON"), self.copy_json)
            menu.popup(event.globalPos())

    # Columns ----------------------------------------------------------------------------------------------------

    def _restore_columns(self) -> None:
        header, kept = self.horizontalHeader(), self._settings.table(self._name)
        header.setStretchLastSection(not any(column.stretch for column in self.table_model.columns))
        numbers = {column.key: number for number, column in enumerate(self.table_model.columns)}
        same = numbers.keys() == set(kept.order)  # not so after an update that brought, or took, columns
        for column, number in zip(self.table_model.columns, numbers.values(), strict=True):
            self.setColumnWidth(number, kept.widths.get(column.key, column.width))
            self.setColumnHidden(number, column.key in kept.hidden if same else column.hidden)
        for place, key in enumerate(kept.order if same else ()):
            header.moveSection(header.visualIndex(numbers[key]), place)
        if kept.sort in {column.sort_key for column in self.table_model.columns if column.sort_key}:
            self.table_model.order, self.table_model.descending = kept.sort, kept.descending
        self._show_sorting()

    def _show_sorting(self) -> None:
        model = self.table_model
        keys = [column.sort_key for column in model.columns]
        if not any(keys):
            return
        number = keys.index(model.order) if model.order in keys and model.order else -1
        direction = Qt.SortOrder.DescendingOrder if model.descending else Qt.SortOrder.AscendingOrder
        self.horizontalHeader().setSortIndicator(number, direction)
        self.setSortingEnabled(True)

    def _on_sort_changed(self, number: int, _direction: Qt.SortOrder) -> None:
        if number >= 0 and not self.table_model.columns[number].sort_key:
            self._show_sorting()
        self._save_soon()

    def _save_soon(self) -> None:
        self._save.start()

    def _remember_columns(self) -> None:
        header, kept = self.horizontalHeader(), self._settings.table(self._name)
        columns = self.table_model.columns
        kept.order = [columns[header.logicalIndex(place)].key for place in range(header.count())]
        kept.hidden = [column.key for number, column in enumerate(columns) if header.isSectionHidden(number)]
        places = map(header.logicalIndex, range(header.count()))
        shown = [number for number in places if not header.isSectionHidden(number)]
        fixed = shown[:-1] if header.stretchLastSection() else shown
        kept.widths |= {columns[each].key: header.sectionSize(each) for each in fixed if not columns[each].stretch}
        kept.sort, kept.descending = self.table_model.order, self.table_model.descending
        self._settings.save()

    def _show_column_menu(self, place: QPoint) -> None:
        show_column_menu(self, self.table_model.columns, place, self._on_columns_changed)

    def _on_columns_changed(self) -> None:
        self._save_soon()
        self._fill_width()

    def _fill_width(self) -> None:
        """The column that stretches takes the room that the others leave."""
        widths = {number: self.columnWidth(number) for number in range(len(self.table_model.columns))}
        for number, column in enumerate(self.table_model.columns):
            if column.stretch:
                left = self.viewport().width() - sum(widths.values()) + widths[number]
                self.setColumnWidth(number, max(column.width, left))

    # Sight ------------------------------------------------------------------------------------------------------

    def _tell_visible_rows(self) -> None:
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        total = self.table_model.total or 0
        self.table_model.visible_rows = (max(first, 0), last if last >= 0 else max(total - 1, 0))

    def _on_rows_replaced(self) -> None:
        self.new_rows.forget()
        self._tell_visible_rows()
        self._tell_chosen()

    def _on_loaded(self) -> None:
        self._tell_visible_rows()
        self._tell_chosen()
        self.viewport().update()

    def _keep_top(self) -> None:
        """A person who looks at the top sees new rows come; one who has scrolled keeps the rows in sight."""
        row = self.rowAt(0)
        scrolled = self.verticalScrollBar().value() > 0 and row >= 0
        self._top = (QPersistentModelIndex(self.table_model.index(row, 0)), row) if scrolled else None

    def _restore_top(self) -> None:
        if self._top is not None and self._top[0].isValid():
            moved = self._top[0].row() - self._top[1]
            self.verticalScrollBar().setValue(self.verticalScrollBar().value() + moved)
            if moved > 0:
                self.new_rows.add(moved)
        self._top = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fill_width()
        self._tell_visible_rows()
        self.new_rows.place()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.table_model.total == 0 and self.empty_text:
            painter = QPainter(self.viewport())
            painter.setPen(colour(Meaning.MUTED))
            room: QRect = self.viewport().rect().adjusted(24, 24, -24, -24)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty_text)
