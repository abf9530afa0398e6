"""Writes the mails of the demo ticket into `resources/demo/inbox`: the same bytes at every run.

python build_scripts/make_demo_mails.py [FOLDER]
"""

from __future__ import annotations

import base64
import io
import re
import sys
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

INBOX = Path(__file__).resolve().parent.parent / "resources" / "demo" / "inbox"

XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")
MOMENT = datetime(2026, 11, 2, 8, 30, tzinfo=timezone(timedelta(hours=1)))
HEADERS = ("Order No", "Article", "Description", "Quantity", "Unit Price", "Delivery Date")

Line = tuple[str, str, str, int, float, date]


def workbook(lines: Sequence[Line], sheet: str = "Orders") -> bytes:
    """An .xlsx with a header row and one row per order line."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    page: Worksheet = book.create_sheet(sheet)
    page.append(HEADERS)
    for line in lines:
        page.append(line)
    book.create_sheet("Notes")["A1"] = "Prices in EUR"
    book.properties.created = book.properties.modified = datetime(2026, 11, 2)  # noqa: DTZ001  openpyxl wants it naive
    stream = io.BytesIO()
    book.save(stream)
    return same_always(stream.getvalue())


def same_always(archive: bytes) -> bytes:
    """A workbook without the time of its making."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    core = members["docProps/core.xml"]
    members["docProps/core.xml"] = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2026-11-02T08:00:00Z", core)
    return zipped(members)


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip file of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def mail(number: int, sender: str, subject: str, text: str = "") -> EmailMessage:
    """A mail to the order desk."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = "Bestellannahme Köln <orders@databus.example>"
    message["Subject"] = subject
    message["Date"] = MOMENT + timedelta(minutes=37 * number)
    message["Message-ID"] = f"<demo-{number:02}@databus.example>"
    if text:
        message.set_content(text)
    return message


def attach_workbook(message: EmailMessage, name: str, lines: Sequence[Line]) -> None:
    """Add an .xlsx of these lines."""
    message.add_attachment(workbook(lines), maintype=XLSX[0], subtype=XLSX[1], filename=name)


def as_bytes(message: EmailMessage, number: int) -> bytes:
    """The mail with boundaries that are the same at every run."""
    for index, part in enumerate(message.walk()):
        if part.get_content_maintype() == "multipart":
            part.set_boundary(f"=_demo_{number}_{index}")
    return message.as_bytes()


def line(order: str, article: str, description: str, quantity: int, price: float, day: int) -> Line:
    """One order line, to be delivered on that day of December 2026."""
    return order, article, description, quantity, price, date(2026, 12, day)


def simple() -> EmailMessage:
    message = mail(
        1, "Anna Schmidt <anna.schmidt@schmidt-bau.example>", "Order 4711", "Please find our order attached.\n"
    )
    attach_workbook(
        message,
        "order_4711.xlsx",
        [
            line("4711", "A-100", "Hex bolt M8x40", 500, 0.12, 1),
            line("4711", "A-101", "Hex nut M8", 500, 0.05, 1),
            line("4711", "B-200", "Angle bracket 90°", 80, 1.35, 3),
        ],
    )
    return message


def text_and_html() -> EmailMessage:
    message = mail(2, "Jürgen Müller <j.mueller@mueller-soehne.example>", "Bestellung für März – Größe geändert")
    message.set_content("Guten Tag,\n\nanbei unsere Bestellung für März.\n\nMit freundlichen Grüßen\nJürgen Müller\n")
    message.add_alternative(
        "<html><body><p>Guten Tag,</p><p>anbei unsere <b>Bestellung für März</b>.</p></body></html>\n", subtype="html"
    )
    attach_workbook(
        message,
        "Bestellung März.xlsx",
        [line("DE-88", "K-7", "Kühlschlauch Ø 12 mm", 25, 8.9, 4), line("DE-88", "K-9", "Überwurfmutter", 25, 2.45, 4)],
    )
    return message


def turkish() -> bytes:
    """Its headers are plain UTF-8, as servers that know SMTPUTF8 pass them on."""
    message = mail(3, "Çağla Öztürk <cagla@ozturk.example>", "Sipariş – İstanbul şubesi", "Siparişimiz ektedir.\n")
    attach_workbook(
        message,
        "Sipariş Şubat.xlsx",
        [line("TR-12", "İP-3", "Çelik halat 6 mm", 300, 1.75, 7), line("TR-12", "İP-4", "Büyük kanca", 40, 3.2, 7)],
    )
    message.policy = SMTPUTF8
    return as_bytes(message, 3)


def western() -> bytes:
    """Written by an old program: encoded words in ISO 8859-1 that mean Windows characters, and no UTF-8 anywhere."""
    message = mail(4, "x@rene.example", "x", "x\n")
    attach_workbook(message, "commande.xlsx", [line("FR-5", "V-1", "Vis à tête fraisée", 1000, 0.08, 9)])
    raw = as_bytes(message, 4)
    raw = raw.replace(b"From: x@rene.example", b"From: =?iso-8859-1?Q?Ren=E9_L=E9vy?= <rene@levy.example>")
    raw = raw.replace(b"Subject: x", b"Subject: =?ISO-8859-1?Q?Commande_=96_100_=80?=")
    raw = raw.replace(b'Content-Type: text/plain; charset="utf-8"', b"Content-Type: text/plain; charset=iso-8859-1")
    return raw.replace(b"Content-Transfer-Encoding: 7bit\r\n\r\nx\r\n", WESTERN_BODY)


WESTERN_BODY = b"Content-Transfer-Encoding: quoted-printable\r\n\r\nVoil=E0 notre commande =E0 100 =80.\r\n"


def forwarded() -> EmailMessage:
    inner = mail(50, "Store 12 <store12@chain.example>", "Weekly order of store 12", "As every week.\n")
    attach_workbook(
        inner,
        "store_12.xlsx",
        [
            line("S12-45", "M-1", "Oat milk 1 l", 120, 0.99, 2),
            line("S12-45", "M-2", "Espresso beans 1 kg", 24, 11.5, 2),
        ],
    )
    inner.set_boundary("=_demo_5_inner")
    message = mail(5, "Head Office <office@chain.example>", "Fwd: Weekly order of store 12", "See the mail attached.\n")
    message.add_attachment(inner)
    return message


def several() -> EmailMessage:
    message = mail(
        6, '"Nowak, Łukasz" <lukasz@nowak.example>', "Zamówienie 2026/11/02", "Dwa zamówienia w załączniku.\n"
    )
    attach_workbook(message, "order.xlsx", [line("PL-1", "P-1", "Śruba M10", 200, 0.22, 10)])
    attach_workbook(message, "order.xlsx", [line("PL-2", "P-2", "Podkładka M10", 400, 0.03, 11)])
    message.add_attachment(b"%PDF-1.4\n%%EOF\n", maintype="application", subtype="pdf", filename="terms.pdf")
    message.add_attachment(
        PIXEL, maintype="image", subtype="png", filename="logo.png", disposition="inline", cid="<logo>"
    )
    message.add_attachment("Ring twice.\n", filename="delivery note.txt")
    return message


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


def in_an_archive() -> EmailMessage:
    message = mail(7, "Wholesale <export@wholesale.example>", "Orders of week 45 (zip)", "All orders in one archive.\n")
    archive = zipped(
        {
            "week 45/north.xlsx": workbook([line("W45-N", "G-1", "Garden hose 20 m", 15, 18.9, 14)]),
            "week 45/süd.xlsx": workbook(
                [line("W45-S", "G-2", "Gießkanne 10 l", 30, 6.5, 14), line("W45-S", "G-3", "Rasenschere", 12, 9.75, 15)]
            ),
            "week 45/readme.txt": b"Zwei Bestellungen.\n",
        }
    )
    message.add_attachment(archive, maintype="application", subtype="zip", filename="orders_week_45.zip")
    return message


def without_excel() -> EmailMessage:
    message = mail(
        8, "News <news@supplier.example>", "Our autumn catalogue", "Read it at https://supplier.example/autumn\n"
    )
    message.add_alternative(
        '<p>Read <a href="https://supplier.example/autumn">our catalogue</a>.</p>\n', subtype="html"
    )
    return message


def without_id() -> EmailMessage:
    message = mail(9, "scanner@warehouse.example", "Scan", "Sent by a device.\n")
    del message["Message-ID"]
    del message["Date"]
    message["Date"] = "yesterday"
    attach_workbook(message, "scan0001.xlsx", [line("WH-1", "R-1", "Pallet wrap 500 mm", 60, 4.2, 16)])
    return message


def without_name() -> EmailMessage:
    message = mail(10, "Björn Åkesson <bjorn@akesson.example>", "Beställning", "Se bilaga.\n")
    message.add_attachment(
        workbook([line("SE-3", "T-1", "Träskruv 5x60", 800, 0.09, 17)]), maintype=XLSX[0], subtype=XLSX[1]
    )
    return message


def many_lines() -> EmailMessage:
    message = mail(11, "ERP <erp@bigcustomer.example>", "Order 900123", "This mail was made by a machine.\n")
    lines = [
        line("900123", f"E-{n:03}", f"Spare part no. {n}", n * 2, round(n * 1.15, 2), n % 28 + 1) for n in range(1, 41)
    ]
    attach_workbook(message, "order_900123.xlsx", lines)
    return message


def japanese() -> bytes:
    """Its subject and body are in ISO-2022-JP, the subject in two encoded words."""
    message = mail(12, "tanaka@tanaka.example", "x", "x\n")
    attach_workbook(message, "注文書.xlsx", [line("JP-8", "J-1", "六角レンチ 6mm", 90, 2.1, 18)])
    raw = as_bytes(message, 12)
    words = b"".join(
        b" =?ISO-2022-JP?B?" + base64.b64encode(half.encode("iso2022_jp")) + b"?=" for half in ("注文書の", "送付")
    )
    raw = raw.replace(b"Subject: x", b"Subject:" + words)
    raw = raw.replace(b'Content-Type: text/plain; charset="utf-8"', b"Content-Type: text/plain; charset=ISO-2022-JP")
    return raw.replace(b"\r\n\r\nx\r\n", b"\r\n\r\n" + "注文書をお送りします。\r\n".encode("iso2022_jp"))


def damaged() -> bytes:
    """Cut off in the middle of its attachment, as a full disk leaves it."""
    message = mail(13, "Cut Off <cut@off.example>", "Order that did not arrive in full", "See attachment.\n")
    attach_workbook(message, "lost.xlsx", [line("X-1", "X-1", "Never delivered", 1, 1.0, 1)])
    raw = as_bytes(message, 13)
    return raw[: len(raw) * 2 // 3]


def mails() -> dict[str, bytes]:
    """Every mail by its file name."""
    made: dict[str, EmailMessage | bytes] = {
        "01_simple.eml": simple(),
        "02_text_and_html.eml": text_and_html(),
        "03_turkish.eml": turkish(),
        "04_western.eml": western(),
        "05_forwarded.eml": forwarded(),
        "06_several_attachments.eml": several(),
        "07_zip.eml": in_an_archive(),
        "08_without_excel.eml": without_excel(),
        "09_without_id.eml": without_id(),
        "10_without_name.eml": without_name(),
        "11_many_lines.eml": many_lines(),
        "12_japanese.eml": japanese(),
        "13_damaged.eml": damaged(),
    }
    return {
        name: message if isinstance(message, bytes) else as_bytes(message, number)
        for number, (name, message) in enumerate(made.items(), 1)
    }


def main(folder: Path = INBOX) -> None:
    """Write them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in mails().items():
        (folder / name).write_bytes(data)
        print(folder / name)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
