"""Takes the pictures of docs/screenshots: every page in light and in dark, on the demo after some trips.

It needs the project's environment and no screen: `.venv/bin/python -m build_scripts.screenshots [FOLDER]`. The demo is
made in FOLDER, which must not have a ticket yet; its path is seen in the pictures.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from build_scripts.environment import ROOT
from build_scripts.make_demo_mails import line, workbook
from databus_core.engine.dispatcher import Dispatcher
from databus_core.model.log import MessageType
from databus_core.model.ticket import DispatcherTicket
from databus_core.new_folder import make_ticket_folder
from databus_gui.loop import FairLoop
from databus_gui.main_window import MainWindow
from databus_gui.pages import PAGES, Page
from databus_gui.pages.customizing import CustomizingPage
from databus_gui.pages.logs import LogsPage
from databus_gui.pages.passengers import PassengersPage
from databus_gui.pages.peek import PeekPage
from databus_gui.pages.queue import QueuePage
from databus_gui.session import Session
from databus_gui.settings import Settings, ThemeChoice
from databus_gui.signals import DispatcherSignals, SignalObserver
from databus_gui.theme import Meaning, colour, use_theme

PICTURES = ROOT / "docs" / "screenshots"
FOLDER = Path("/tmp/databus-demo")  # noqa: S108
WIDTH, HEIGHT = 1366, 768
COLOURS = 256
SETTLED = 0.6
"""Seconds after which a page shows what it was asked for."""
CLIENT, ROUTE = "demo", "orders by mail"
SYSTEM = "Linux-6.12-x86_64-with-glibc2.41"


def put_mail(folder: Path, number: int, customer: str, *, readable: bool) -> None:
    """A mail into the demo's inbox, with an order or with something that is no workbook at all."""
    mail = EmailMessage()
    mail["From"], mail["To"] = f"{customer} <orders@{customer.lower()}.example>", "orders@databus.example"
    mail["Subject"], mail["Message-ID"] = f"Order of {customer}", f"<order-{number}@{customer.lower()}.example>"
    mail.set_content("Please find our order attached.")
    name = f"order_{number}.xlsx" if readable else f"order_{number}_draft.xlsx"
    lines = [line(str(number), "A-100", "Timetable, wall", 3, 24.5, 14)]
    content = workbook(lines) if readable else b"The workbook follows, as soon as it is finished."
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    (folder / "inbox" / f"{number}_{customer.lower()}.eml").write_bytes(bytes(mail))


async def take_all(app: QApplication, folder: Path) -> None:
    """Drive the demo and take every picture."""
    ticket = DispatcherTicket.load(make_ticket_folder(folder, demo=True))
    signals = DispatcherSignals()
    dispatcher = Dispatcher(ticket, SignalObserver(signals), program="screenshots")
    window = MainWindow(Session(dispatcher, signals, Settings(), CLIENT))
    await dispatcher.start(paused=True)
    await window.session.load_clients()
    await travel(dispatcher, folder)
    await dispatcher.resume()
    window.resize(WIDTH, HEIGHT)
    window.show_first_page()
    window.show()
    for theme in (ThemeChoice.LIGHT, ThemeChoice.DARK):
        use_theme(app, theme)
        for page_class in PAGES:
            page = window.show_page(page_class.name)
            await asyncio.sleep(SETTLED)
            await prepare(page)
            save(window, PICTURES / f"{page.name}-{theme.value}.png")
    await window.shut_down_and_close(leave=True)


async def travel(dispatcher: Dispatcher, folder: Path) -> None:
    """Everything of the demo arrives but two mails whose orders cannot be read; two more mails wait."""
    for row in dispatcher.timetable():
        await dispatcher.drive(row.client_id, row.client_passenger.name)
    put_mail(folder, 4711, "Lindqvist", readable=False)
    put_mail(folder, 4712, "Moreau", readable=False)
    for _ in range(2):
        await dispatcher.drive(CLIENT, ROUTE)
    put_mail(folder, 4713, "Tanaka", readable=True)
    put_mail(folder, 4714, "Okafor", readable=True)


async def prepare(page: Page) -> None:
    """Choose what is worth seeing on the page."""
    match page:
        case PassengersPage():
            page.table.choose(f"{CLIENT}/{ROUTE}")
        case QueuePage():
            rows = (page.model.row(number) for number in range(page.model.rowCount()))
            page.table.choose(next(row.internal_id for row in rows if row is not None and row.error))
        case LogsPage():
            logs = (page.model.row(number) for number in range(page.model.rowCount()))
            page.table.choose(next(row.id for row in logs if row is not None and row.worst is MessageType.ERROR))
            await asyncio.sleep(SETTLED)
            page.content.table.selectRow(3)  # the error that has no traceback with paths of this machine
        case PeekPage():
            page.open(client_passenger=ROUTE)
            page.peek()
        case CustomizingPage():
            page.editor.editor.replace_text(page.editor.text().replace('"queue_life_span": 7', '"queue_life_span": -7'))
            page.editor.check()
        case _:
            pass
    await asyncio.sleep(SETTLED)


def save(window: MainWindow, file: Path) -> None:
    """The window as a PNG of the theme's and its most frequent colours, which are enough for letters and lines."""
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    frequent = Counter(memoryview(image.constBits()).cast("I")).most_common(COLOURS - len(Meaning))
    table = [*(colour(meaning).rgb() for meaning in Meaning), *(shade for shade, _ in frequent)]
    nearest = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
    small = image.convertToFormat(QImage.Format.Format_Indexed8, table, nearest)
    small.save(str(file), quality=0)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


def _some_system(aliased: bool = False, terse: bool = False) -> str:  # noqa: ARG001  the signature of platform.platform
    return SYSTEM


def main(folder: Path = FOLDER) -> None:
    """Take the pictures; what the page About says of this machine is left out."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    platform.platform = _some_system
    PICTURES.mkdir(parents=True, exist_ok=True)
    app = QApplication(sys.argv[:1])
    with asyncio.Runner(loop_factory=lambda: FairLoop(app)) as runner:
        runner.run(take_all(app, folder))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
