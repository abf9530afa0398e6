"""The menu of a table's header: which columns are shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QTableView

from databus_gui.tables.column import Column


def show_column_menu(
    table: QTableView, columns: Sequence[Column[Any]], place: QPoint, changed: Callable[[], None]
) -> None:
    """Pop the menu up at that place of the header; `changed` is called when a column was shown or hidden."""
    menu = QMenu(table)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    header = table.horizontalHeader()
    for number, column in enumerate(columns):
        choice = menu.addAction(column.title)
        choice.setCheckable(True)
        choice.setChecked(not header.isSectionHidden(number))
        choice.setEnabled(header.isSectionHidden(number) or header.hiddenSectionCount() < header.count() - 1)
        choice.toggled.connect(functools.partial(_show, table, number, column, changed))
    menu.popup(header.mapToGlobal(place))


def _show(table: QTableView, number: int, column: Column[Any], changed: Callable[[], None], shown: bool) -> None:
    table.setColumnHidden(number, not shown)
    if shown:
        table.setColumnWidth(number, max(table.columnWidth(number), column.width // 2))
    changed()
