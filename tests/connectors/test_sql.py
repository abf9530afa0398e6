"""Excel attachments into tables of real SQLite databases."""

from __future__ import annotations

import io
import re
import sqlite3
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from build_scripts import make_demo_mails
from databus_core import Attachment, DatabusError, Passenger, Pusher
from databus_core.connectors.sql.excel_rows import read_sheet
from databus_core.connectors.sql.pusher import SqlPusher
from databus_core.connectors.sql.table import column_names
from databus_core.errors import AttachmentError
from tests.contracts.pusher_contract import PusherContract
from tests.support.plug_ins import make, messages

HEADERS = ("Article", "Quantity", "Unit Price", "Delivery Date")
LINES = [("A-1", 5, 1.5, date(2026, 12, 1)), ("Ş-2", 7, 2, date(2026, 12, 2))]


def excel(*rows: Sequence[object], sheet: str = "Orders", second: Sequence[Sequence[object]] = ()) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, content in ((sheet, rows), ("Second", second)):
        page: Worksheet = book.create_sheet(title)
        for row in content:
            page.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def order(*workbooks: bytes, number: int = 1) -> Passenger:
    passenger = Passenger(external_id=str(number), source_system="test")
    passenger.attach(Attachment.text("body.txt", "no Excel"))
    for workbook in workbooks:
        passenger.attach(Attachment.binary("order.xlsx", workbook))
    return passenger


def rows(folder: Path, sql: str = "select * from order_lines order by 1, 2, 3") -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "orders.sqlite")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def execute(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "orders.sqlite")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def push(folder: Path, *passengers: Passenger, **arguments: Any) -> list[str]:
    """Deliver them; answers what was logged."""
    pusher = make(SqlPusher, folder, **({"url": "sqlite:///orders.sqlite", "table": "order_lines"} | arguments))
    try:
        for passenger in passengers:
            pusher.push(passenger)
    finally:
        pusher.close()
    return messages(pusher)


class TestSqlPusher(PusherContract):
    def pusher(self, folder: Path) -> Pusher:
        return make(SqlPusher, folder, url="sqlite:///orders.sqlite", table="order_lines")

    def passenger(self, number: int) -> Passenger:
        return order(excel(HEADERS, *LINES), excel(HEADERS, *LINES), number=number)

    def target(self, folder: Path) -> object:
        return rows(folder)


def test_one_row_per_line_beside_the_ticket_with_fitting_types(tmp_path: Path):
    passenger = order(excel(HEADERS, *LINES))
    log = push(tmp_path, passenger)
    key = (passenger.internal_id, "order.xlsx")
    assert rows(tmp_path) == [
        (*key, 2, "A-1", 5, 1.5, "2026-12-01"),
        (*key, 3, "Ş-2", 7, 2, "2026-12-02"),
    ]
    types = rows(tmp_path, "select name, type from pragma_table_info('order_lines')")[3:]
    assert types == [("article", "TEXT"), ("quantity", "NUMERIC"), ("unit_price", "NUMERIC"), ("delivery_date", "DATE")]
    assert log == ["info: Made table order_lines", "info: Wrote 2 lines to order_lines"]


def test_a_changed_second_delivery_replaces_every_row_of_the_passenger_only(tmp_path: Path):
    first, other = order(excel(HEADERS, *LINES)), order(excel(HEADERS, LINES[0]), number=2)
    push(tmp_path, first, other)
    first.attachments[1].set_bytes(excel(HEADERS, ("B-9", 1, 1.0, date(2027, 1, 1))))
    push(tmp_path, first)
    assert rows(tmp_path, "select article from order_lines order by databus_passenger") == [("B-9",), ("A-1",)]


def test_a_passenger_whose_second_sheet_fails_leaves_nothing(tmp_path: Path):
    push(tmp_path, order(excel(HEADERS, *LINES)))
    before = rows(tmp_path)
    with pytest.raises(DatabusError, match="cannot be read"):
        push(tmp_path, order(excel(HEADERS, *LINES), b"no workbook"))
    assert rows(tmp_path) == before


def test_header_lines_empty_rows_and_gaps(tmp_path: Path):
    workbook = excel(
        (), (None, "Article", None, "Article No.", "2nd"), (), (None, " x ", None, 12.0, None), (None, " ")
    )
    push(tmp_path, order(workbook))
    assert rows(tmp_path, "select databus_line, article, article_no, _2nd from order_lines") == [(4, "x", 12, None)]


def test_another_sheet_by_name(tmp_path: Path):
    workbook = excel(HEADERS, *LINES, second=[("Note",), ("hello",)])
    push(tmp_path, order(workbook), sheet="Second")
    assert rows(tmp_path, "select note from order_lines") == [("hello",)]
    with pytest.raises(DatabusError, match=r"'order\.xlsx' has no sheet 'Third'; it has Orders, Second"):
        push(tmp_path, order(workbook), sheet="Third")


def test_mapped_columns_into_a_table_of_ones_own(tmp_path: Path):
    execute(
        tmp_path,
        "create table order_lines (id integer primary key, databus_passenger text, databus_attachment text,"
        " databus_line integer, item varchar(20) not null, amount integer, seen integer not null default 0)",
    )
    push(tmp_path, order(excel(HEADERS, (4711.0, 5, 1, None))), columns={"Article": "item", "Quantity": "amount"})
    assert rows(tmp_path, "select id, item, amount, seen from order_lines") == [(1, "4711", 5, 0)]
    with pytest.raises(DatabusError, match=r"'order\.xlsx' has no column Quantity; it has Article, Qty"):
        push(tmp_path, order(excel(("Article", "Qty"), ("x", 1))), columns={"Article": "item", "Quantity": "amount"})


def test_columns_that_do_not_fit_the_table_are_errors_in_words(tmp_path: Path):
    push(tmp_path, order(excel(HEADERS, *LINES)))
    with pytest.raises(DatabusError, match=r"Table order_lines has no column discount\. It has article, databus_att"):
        push(tmp_path, order(excel((*HEADERS, "Discount"), ("A", 1, 1, None, 5))))
    execute(tmp_path, "create table strict (databus_passenger, databus_attachment, databus_line, a, must not null)")
    with pytest.raises(DatabusError, match="Table strict needs a value for must"):
        push(tmp_path, order(excel(("A",), ("x",))), table="strict")


def test_values_that_changed_their_kind_still_fit_text_and_date_columns(tmp_path: Path):
    push(tmp_path, order(excel(("No", "On"), ("x", date(2026, 1, 1)))))
    midnight = datetime(2026, 1, 2)  # noqa: DTZ001  Excel knows no zones
    push(tmp_path, order(excel(("No", "On"), (17, midnight)), number=2))
    assert rows(tmp_path, 'select no, "on" from order_lines order by 1') == [("17", "2026-01-02"), ("x", "2026-01-01")]


@pytest.mark.parametrize(
    ("workbook", "why"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04 damaged", "cannot be read"),
        (excel(("A", "B", "A"), (1, 2, 3)), "has two columns 'A'"),
        (excel(("A",), (1, "astray")), "has the value 'astray' in row 2 in a column without a header"),
    ],
    ids=["empty", "damaged", "twice", "astray"],
)
def test_sheets_that_cannot_be_told_apart_or_read_are_errors(workbook: bytes, why: str):
    with pytest.raises(AttachmentError, match=rf"Excel attachment 'order\.xlsx' .*{why}"):
        read_sheet(Attachment.binary("order.xlsx", workbook))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"", b"", "spans 17179869184 cells in xl/worksheets/sheet1.xml"),
        (b'r="XFD1048576"', b"r = 'XFD1048576'", "spans 17179869184 cells"),
        (b'<c r="XFD1048576"', b'<c x="&gt;" y=">" r="XFD1048576"', "spans 17179869184 cells"),
        (b'r="XFD1048576"', b'r="&#88;FD1048576"', "spans 17179869184 cells"),
        (b'r="XFD1048576"', b'r="xfd1048576"', "'xfd1048576' is no place in a sheet"),
        (b'r="XFD1048576"', b'r="A9999999999999"', "'A9999999999999' is no place in a sheet"),
        (b"<worksheet", b"<!DOCTYPE x><worksheet", "has a document type"),
        (b"<worksheet", b"junk<worksheet", "is damaged"),
        (b"</worksheet>", b"", "is damaged"),
    ],
)
def test_a_cell_at_the_far_end_is_an_error_and_not_the_end_of_the_process(old: bytes, new: bytes, why: str):
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page["A1"], page["XFD1048576"] = "Header", 1
    stream = io.BytesIO()
    book.save(stream)
    with pytest.raises(AttachmentError, match=why):
        read_sheet(Attachment.binary("order.xlsx", _with(stream.getvalue(), old, new)))


def _with(workbook: bytes, old: bytes, new: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(stream, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(old, new) if old else source.read(name))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("member", "content", "why"),
    [
        ("xl/worksheets/sheet1.xml", bytes(101 << 20), "unzips to more than"),
        ("xl/workbook.bin", b"", "is no .xlsx or .xlsm inside"),
        ("content.xml", b"", "is no .xlsx or .xlsm inside"),
        ("xl/worksheets/sheet1.xml", "<sheetData><c r='XFD1048576'/>".encode("utf-16"), "in UTF-16"),
    ],
    ids=["bomb", "xlsb", "ods", "utf-16"],
)
def test_workbooks_that_are_too_long_or_cannot_be_looked_through_are_errors(member: str, content: bytes, why: str):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    with pytest.raises(AttachmentError, match=why):
        read_sheet(Attachment.binary("order.xlsx", stream.getvalue()))


def test_headers_become_distinct_columns():
    assert column_names(["Order No", "order-no", "Größe (mm)", "%", "1st", "databus_line"]) == {
        "Order No": "order_no",
        "order-no": "order_no_2",
        "Größe (mm)": "größe_mm",
        "%": "column",
        "1st": "_1st",
        "databus_line": "databus_line_2",
    }


# Arguments and secrets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"url": "no url s3cret"}, "argument url: is no database URL"),
        ({"url": "postgresql://u:s3cret@host:port/x"}, "argument url: is no database URL"),
        ({"url": "sqlite:///x", "columns": {"A": "x", "B": "x"}}, "column 'x' is given twice"),
        ({"url": "postgresql://u:s3cret@h/x", "tabel": "x"}, "tabel: is not known"),
    ],
)
def test_wrong_arguments_are_errors_in_words_without_the_password(tmp_path: Path, arguments: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why) as caught:
        make(SqlPusher, tmp_path, **({"table": "t"} | arguments))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///none/orders.sqlite", r"The folder .*none of the database .* is missing; SQLite does not make it"),
        ("sqlite:///folder", r"The database .*folder is a folder"),
        ("nosuchdialect://user:s3cret@host/x", r"Table t in nosuchdialect://user:\*\*\*@host/x cannot be written: "),
    ],
)
def test_what_a_pusher_cannot_work_with_is_told_before_a_trip(tmp_path: Path, url: str, why: str):
    (tmp_path / "folder").mkdir()
    (told,) = make(SqlPusher, tmp_path, url=url, table="t").problems()
    assert re.match(why, told)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "sqlite:///new.sqlite"]
)
def test_a_database_that_is_made_when_it_is_missing_is_no_problem(tmp_path: Path, url: str):
    assert not list(make(SqlPusher, tmp_path, url=url, table="t").problems())
    assert not list(tmp_path.iterdir())


def test_no_error_shows_the_password(tmp_path: Path):
    for arguments in (
        {"url": "nosuchdialect://user:s3cret@host/x"},
        {"url": "sqlite:////nowhere/s3cret/x.sqlite", "password": "s3cret"},
        {"url": "postgresql+psycopg://user:s3cret@127.0.0.1:1/x"},
    ):
        with pytest.raises(DatabusError, match=r"Table order_lines in .* cannot be written: ") as caught:
            push(tmp_path, order(excel(HEADERS, *LINES)), **arguments)
        assert "s3cret" not in str(caught.value).replace("/nowhere/s3cret", "")
        assert caught.value.__suppress_context__


def test_the_demo_mails_hold_the_order_lines_that_they_should():
    passenger = order(make_demo_mails.workbook([make_demo_mails.line("1", "A", "Käse", 2, 3.5, 24)]))
    sheet = read_sheet(passenger.attachments[1])
    assert sheet.headers == list(make_demo_mails.HEADERS)
    assert sheet.lines == [(2, ["1", "A", "Käse", 2, 3.5, date(2026, 12, 24)])]
