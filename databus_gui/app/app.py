"""The composition root: Qt application, loop, settings, then one window after the other until the person quits."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from databus_core import __version__
from databus_core.engine.dispatcher import Dispatcher
from databus_core.engine.stop_signals import on_stop_signals
from databus_core.errors import DatabusError
from databus_core.model.client import ROOT
from databus_core.model.database_backup import Restored
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.app.smoke_test import SmokeTestError, smoke_test
from databus_gui.app.start_dialog import StartDialog
from databus_gui.garbage import collected_here
from databus_gui.i18n import tr, use_language
from databus_gui.loop import FairLoop
from databus_gui.main_window import MainWindow
from databus_gui.resources import app_icon
from databus_gui.session import Session
from databus_gui.settings import Settings, ThemeChoice, settings_file
from databus_gui.signals import DispatcherSignals, SignalObserver
from databus_gui.slots import start
from databus_gui.theme import use_theme

SHOW_AFTER = 0.3
"""Seconds: a dispatcher that starts quicker is shown running at once, another one is seen starting."""
SESSION_END_SECONDS = 5
"""How much longer than the grace time the end of the desktop session is held up."""

FINE, FAILED = 0, 1


def run(ticket_file: Path | None, *, safe: bool = False) -> int:
    """Run the app until the person quits; answers the exit code. Without a ticket it asks for one.

    `safe`: nothing is driven before the person says so.
    """
    application = _application()
    settings = Settings.load(settings_file())
    try:
        return _run(application, settings, lambda desktop: desktop.work(ticket_file, safe=safe))
    finally:
        settings.close()


def run_smoke_test(ticket_file: Path) -> int:
    """See whether this installation works; answers the exit code."""
    return _run(_application(), Settings(), lambda desktop: desktop.smoke_test(ticket_file))


def _application() -> QApplication:
    application = QApplication(sys.argv[:1])
    application.setApplicationName("databus")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("databus")
    application.setWindowIcon(app_icon())
    application.setQuitOnLastWindowClosed(False)
    return application


def _run(application: QApplication, settings: Settings, what: Callable[[Desktop], Coroutine[Any, Any, int]]) -> int:
    use_language(settings.language)
    with collected_here(), asyncio.Runner(loop_factory=lambda: FairLoop(application)) as runner:
        return runner.run(what(Desktop(application, settings)))


class Desktop:
    """What lives as long as the program."""

    def __init__(self, application: QApplication, settings: Settings) -> None:
        self._application = application
        self._settings = settings
        self._window: MainWindow | None = None
        self._stop_requests = 0
        use_theme(application, settings.theme)
        application.styleHints().colorSchemeChanged.connect(self._on_system_colours)
        application.commitDataRequest.connect(self._on_session_end)

    async def work(self, file: Path | None, *, safe: bool = False) -> int:
        """One ticket after the other, until the person quits."""
        error: DatabusError | None = None
        failed: Path | None = None
        while True:
            said = ""
            if file is None:
                dialog = StartDialog(self._settings, error, failed)
                with on_stop_signals(dialog.reject):
                    file = await dialog.ask()
                said = _said_of(dialog.restored)
            if file is None:
                return FINE
            try:
                file = await self._work_with(file, said, safe=safe)
            except DatabusError as raised:
                error, failed, file = raised, file, None
            else:
                if file is None:
                    return FINE

    async def _work_with(self, file: Path, said: str, *, safe: bool) -> Path | None:
        """One window on that ticket, which says that; answers the ticket to open next.

        Raises DatabusError when it cannot start.
        """
        with self._opened(await asyncio.to_thread(DispatcherTicket.load, file)) as window:
            closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            window.closed.connect(lambda: closed.done() or closed.set_result(None))
            await self._start(window, paused=safe)
            if safe:
                window.session.say(tr("Nothing is driven (--safe) before you resume."))
            self._settings.remember_ticket(file)
            if said:
                window.session.say(said)
            await closed
            return window.next_ticket

    async def smoke_test(self, file: Path) -> int:
        """Open the window, try everything once, close; says on stderr what does not work."""
        try:
            with self._opened(await asyncio.to_thread(DispatcherTicket.load, file)) as window:
                await self._start(window, paused=True)
                try:
                    await smoke_test(window)
                finally:
                    await window.shut_down_and_close(leave=True)
        except (DatabusError, SmokeTestError, TimeoutError) as error:
            sys.stderr.write(f"Smoke test failed: {error or 'it took too long'}\n")
            return FAILED
        return FINE

    @contextmanager
    def _opened(self, ticket: DispatcherTicket) -> Generator[MainWindow]:
        """A window on a dispatcher that is not started yet; inside, it gets signals and unexpected errors."""
        signals = DispatcherSignals()
        dispatcher = Dispatcher(ticket, SignalObserver(signals), program="databus gui", isolate=True)
        window = MainWindow(Session(dispatcher, signals, self._settings))
        self._window, self._stop_requests = window, 0
        try:
            with on_stop_signals(self._stop), _unexpected_errors(window):
                yield window
        finally:
            self._window = None
            window.hide()
            window.deleteLater()

    async def _start(self, window: MainWindow, *, paused: bool = False) -> None:
        session = window.session
        starting = asyncio.ensure_future(session.dispatcher.start(paused=paused))
        await asyncio.wait({starting}, timeout=SHOW_AFTER)
        if not starting.done():
            window.show()
        await starting
        if session.dispatcher.state in {DispatcherState.STOPPING, DispatcherState.STOPPED}:
            return  # a signal came meanwhile: the window is closed when that is done
        await session.load_clients()
        session.choose_client(_first_client(session.client_ids))
        window.show_first_page()
        window.show()

    def _stop(self) -> None:
        """A signal: finish the trips and close; a second one leaves them."""
        self._stop_requests += 1
        if self._window is not None:
            self._window.next_ticket = None
            start(self._window, self._window.shut_down_and_close(leave=self._stop_requests > 1))

    def _on_system_colours(self) -> None:
        if self._settings.theme is ThemeChoice.SYSTEM:
            use_theme(self._application, ThemeChoice.SYSTEM)

    def _on_session_end(self) -> None:
        """The desktop session waits for this slot, so it returns when everything is stored and closed."""
        window = self._window
        if window is None:
            return
        waiting = QEventLoop()
        grace = window.session.dispatcher.ticket.grace_seconds + SESSION_END_SECONDS
        QTimer.singleShot(round(grace * 1000), waiting, waiting.quit)
        start(window, window.shut_down_and_close(leave=True)).add_done_callback(lambda _: waiting.quit())
        waiting.exec()


@contextmanager
def _unexpected_errors(window: MainWindow) -> Generator[None]:
    """Inside, what no one catches is shown by the window: exceptions of slots, and of the loop's tasks."""
    loop = asyncio.get_running_loop()

    def of_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        window.unexpected.report(context.get("exception") or RuntimeError(context["message"]))

    def of_slot(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        window.unexpected.report(error)

    before = sys.excepthook
    sys.excepthook = of_slot
    loop.set_exception_handler(of_loop)
    try:
        yield
    finally:
        sys.excepthook = before
        loop.set_exception_handler(None)


def _said_of(restored: Restored | None) -> str:
    """What the window tells of a restored database; empty when there is none."""
    if restored is None:
        return ""
    if restored.kept is None:
        return tr("Restored the backup of {time}.", time=restored.backup)
    return tr("Restored the backup of {time}; what was there is {file}.", time=restored.backup, file=restored.kept.name)


def _first_client(ids: list[str]) -> str:
    """Root sees all; but where it is beside one other client only, that one is what there is to see."""
    others = [client_id for client_id in ids if client_id != ROOT]
    return others[0] if len(others) == 1 else ids[0]
