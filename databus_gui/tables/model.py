"""A table model of any length: it knows the total, and fetches pages of rows when cells of them are asked for.

A page describes its columns and how rows are fetched:

    columns = [
        Column(key="at", title=tr("Started"), text=lambda row: local(row.started_at), sort_key="started_at", width=150),
        Column(key="worst", title=tr("Worst"), text=lambda row: tr(row.worst), mark=lambda row: WORST_MARKS[row.worst]),
    ]

    async def fetch(request: PageRequest) -> Rows[LogRow]:
        query = LogQuery(client_id=self.session.client_id, offset=request.offset, limit=request.limit)
        return await self.session.read(lambda storage: storage.database.log_rows(query))

    model = TableModel(columns, fetch, row_id=lambda row: row.id, parent=self)
    await model.restart()       # another filter: from the top
    await model.refresh()       # the same question again: selection and scroll stay
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from databus_core.errors import DatabusError
from databus_core.model.query import PAGE, Rows
from databus_gui.slots import start
from databus_gui.tables.column import Column, Mark, alignment, dress
from databus_gui.widgets.long_text import clipped

__all__ = ["Column", "Fetch", "Mark", "PageRequest", "TableModel"]

RowT = TypeVar("RowT")

PAGES_KEPT = 64
"""Pages of PAGE rows in memory; the ones looked at longest ago go first."""
PLACEHOLDER = "…"
"""Shown in a cell until its page arrives."""
ROW_ROLE = Qt.ItemDataRole.UserRole
"""Role that answers the row's object, or None while its page is on its way."""

AnyIndex: TypeAlias = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows the table needs."""

    offset: int
    limit: int
    order: str
    """`sort_key` of a column, or "" for the natural order."""
    descending: bool


Fetch: TypeAlias = Callable[[PageRequest], Awaitable[Rows[RowT]]]


class TableModel(QAbstractTableModel, Generic[RowT]):
    """Rows of one query. Never blocks: unknown cells show PLACEHOLDER until their page has come."""

    failed = Signal(object)
    """A DatabusError of a fetch that a cell asked for; connect it to the page's `show_error`."""
    loaded = Signal()
    """A page arrived, or the table turned out to be empty."""

    def __init__(
        self,
        columns: list[Column[RowT]],
        fetch: Fetch[RowT],
        row_id: Callable[[RowT], str],
        parent: QObject | None = None,
        *,
        order: str = "",
        descending: bool = False,
    ) -> None:
        super().__init__(parent)
        self.columns = columns
        self.order, self.descending = order, descending
        self.visible_rows: tuple[int, int] = (0, 0)
        """First and last row in sight; the view tells it, `refresh` asks for these again."""
        self._fetch, self._row_id = fetch, row_id
        self._total: int | None = None
        self.more = False
        """Whether there may be more rows than `total`, which then grows while a person scrolls; see Rows.more."""
        self._pages: OrderedDict[int, list[RowT]] = OrderedDict()
        self._asked: set[int] = set()
        self._question = 0
        """Counts the questions (filter, order): answers to an older one are dropped."""
        self._turn = asyncio.Lock()

    # What a page uses -------------------------------------------------------------------------------------------

    @property
    def total(self) -> int | None:
        """How many rows there are in all; None until the first answer."""
        return self._total

    async def restart(self) -> None:
        """Ask anew from the top: the filter or the order is another one. Raises what the fetch raises."""
        self._question += 1
        question = self._question
        rows = await self._fetch(self._request(0))
        if question != self._question:
            return
        self.beginResetModel()
        self._pages.clear()
        self._asked.clear()
        self._keep(0, rows.rows)
        self._total, self.more = rows.total, rows.more
        self.endResetModel()
        self.loaded.emit()

    async def refresh(self) -> None:
        """Ask again for what is in sight; a row keeps its selection and its place in the window."""
        async with self._turn:
            if self._total is None:
                await self.restart()
                return
            question = self._question
            pages, total = await self._pages_in_sight()
            if question == self._question:
                self._replace(pages, total)
                self.loaded.emit()

    def row(self, number: int) -> RowT | None:
        """The row's object, if its page is here."""
        page = self._pages.get(number // PAGE)
        place = number % PAGE
        return page[place] if page is not None and place < len(page) else None

    def rows_here(self, first: int, number: int) -> Iterator[RowT]:
        """Of so many rows from that one on, those whose pages are here, in their order."""
        for page, rows in sorted(self._pages.items()):
            begin = page * PAGE
            yield from rows[max(0, first - begin) : max(0, first + number - begin)]

    def number_of(self, row_id: str) -> int | None:
        """Where the row of that id is, among those whose pages are here."""
        return self._numbers(self._pages).get(row_id)

    def id_of(self, row: RowT) -> str:
        """The row's id."""
        return self._row_id(row)

    def repaint(self, *keys: str) -> None:
        """Show these columns anew: what their texts depend on beside the row (the time) is another now."""
        for number, column in enumerate(self.columns):
            if column.key in keys and self._total:
                first, last = (min(row, self._total - 1) for row in self.visible_rows)
                self.dataChanged.emit(self.index(first, number), self.index(last, number))

    def show_error(self, error: DatabusError) -> None:
        """A fetch that a cell asked for failed."""
        self.failed.emit(error)

    # What Qt uses -----------------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = _NOWHERE) -> int:
        return 0 if parent.isValid() else self._total or 0

    def columnCount(self, parent: AnyIndex = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return alignment(column)
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < (self._total or 0):
            return None
        column, row = self.columns[index.column()], self.row(index.row())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return alignment(column)
        if row is None:
            self._ask_for(index.row() // PAGE)
            return PLACEHOLDER if role == Qt.ItemDataRole.DisplayRole else None
        return self._cell(column, row, role)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        key = self.columns[column].sort_key if 0 <= column < len(self.columns) else ""
        descending = order is Qt.SortOrder.DescendingOrder
        if key and (key, descending) != (self.order, self.descending):
            self.order, self.descending = key, descending
            if self._total is not None:
                start(self, self.restart())

    # ------------------------------------------------------------------------------------------------------------

    def _cell(self, column: Column[RowT], row: RowT, role: int) -> Any:
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return clipped(column.text(row))
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return clipped(column.tooltip(row) if column.tooltip else column.text(row))
        return dress(column, row, role)

    def _request(self, page: int) -> PageRequest:
        return PageRequest(page * PAGE, PAGE, self.order, self.descending)

    def _keep(self, page: int, rows: list[RowT]) -> None:
        self._pages[page] = rows
        self._pages.move_to_end(page)
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    def _ask_for(self, page: int) -> None:
        if page not in self._asked:
            self._asked.add(page)
            start(self, self._answer(page, self._question))

    async def _answer(self, page: int, question: int) -> None:
        try:
            rows = await self._fetch(self._request(page))
        finally:
            if question == self._question:
                self._asked.discard(page)
        if question != self._question:
            return
        total = self._known_total(rows, self._total)
        if total == self._total:
            self._keep(page, rows.rows)
            last = min((page + 1) * PAGE, total) - 1
            if last >= page * PAGE:
                self.dataChanged.emit(self.index(page * PAGE, 0), self.index(last, len(self.columns) - 1))
            self.loaded.emit()
        else:
            await self.refresh()

    def _known_total(self, rows: Rows[RowT], before: int | None) -> int:
        """How many rows there are after this answer: one that did not count all may know of fewer than another."""
        return max(rows.total, before or 0) if rows.more else rows.total

    async def _pages_in_sight(self) -> tuple[OrderedDict[int, list[RowT]], int]:
        """The pages in sight, and where rows came or went also those where the rows in sight may be now."""
        before = self._total or 0
        first, last = self.visible_rows
        wanted = list(range(first // PAGE, last // PAGE + 1))
        pages: OrderedDict[int, list[RowT]] = OrderedDict()
        total = before
        while wanted:
            number = wanted.pop(0)
            rows = await self._fetch(self._request(number))
            pages[number] = rows.rows
            self.more = rows.more
            if rows.more:
                total = self._known_total(rows, total)
            elif rows.total != total:
                total = rows.total
                moved = range(max(0, first + total - before) // PAGE, max(0, last + total - before) // PAGE + 1)
                wanted += [page for page in moved if page not in pages and page not in wanted and page * PAGE < total]
        return pages, total

    def _numbers(self, pages: OrderedDict[int, list[RowT]]) -> dict[str, int]:
        return {
            self._row_id(row): number * PAGE + place for number, rows in pages.items() for place, row in enumerate(rows)
        }

    def _replace(self, pages: OrderedDict[int, list[RowT]], total: int) -> None:
        """Show other rows: selections follow their row's id. Length first where it grows, last where it shrinks."""
        before = self._total or 0
        if total > before:
            self.beginInsertRows(_NOWHERE, before, total - 1)
            self._total = total
            self.endInsertRows()
        self.layoutAboutToBeChanged.emit()
        new_numbers = self._numbers(pages)
        old = self.persistentIndexList()
        new = [self._moved(index, new_numbers) for index in old]
        self._pages = pages
        self._asked.clear()
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()
        if total < before:
            self.beginRemoveRows(_NOWHERE, total, before - 1)
            self._total = total
            self.endRemoveRows()

    def _moved(self, index: QModelIndex, new_numbers: dict[str, int]) -> QModelIndex:
        row = self.row(index.row())
        number = None if row is None else new_numbers.get(self._row_id(row))
        return QModelIndex() if number is None else self.index(number, index.column())
