"""How smooth the window stays while trips run: gaps of a 16 ms timer, with trips in threads and in processes.

The trips are those of a plug-in that keeps Python's lock in one long C call after the other, and of many quick
passengers through the whole of a trip. Besides, how many passengers a second come through.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from databus_core.engine.dispatcher import Dispatcher
from databus_core.model.log import Log
from databus_gui.garbage import collected_here
from databus_gui.loop import FairLoop
from databus_gui.main_window import MainWindow
from databus_gui.session import Session
from databus_gui.settings import Settings
from databus_gui.signals import DispatcherSignals, SignalObserver
from databus_gui.theme import use_theme
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.risky import CLIENT, ROUTE, direct, offer, ticket_in

TICK_MS = 16


class Ticks:
    """Gaps between the ticks of a timer on the window's thread, in milliseconds."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer(interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)
        self._timer.start()

    def _on_tick(self) -> None:
        moment = time.perf_counter()
        self.gaps.append((moment - self._last) * 1000)
        self._last = moment

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.gaps, n=100, method="inclusive")
        return f"{cuts[49]:8.1f} {cuts[98]:8.1f} {max(self.gaps):8.1f}"


@dataclass
class Case:
    """What is driven."""

    name: str
    passengers: int
    prepare: Callable[[Path], object]


def cases(count: int, seconds: float) -> list[Case]:
    """An idle window is the reference."""
    return [
        Case("one that keeps the lock", 1, lambda folder: direct(folder, "erp", f"busy {seconds}")),
        Case("many quick ones", count, lambda folder: direct(folder, "erp", "")),
    ]


async def measured(folder: Path, engine: Engine, isolation: str, case: Case) -> tuple[Ticks, float, Log]:
    """Gaps during one trip with the page Passengers in sight, and passengers a second."""
    signals = DispatcherSignals()
    dispatcher = Dispatcher(ticket_in(folder, "warm", engine=engine, isolation=isolation), SignalObserver(signals))
    window = MainWindow(Session(dispatcher, signals, Settings(), CLIENT))
    await dispatcher.start(paused=True)
    await window.session.load_clients()
    window.show_page("passengers")
    window.show()
    await dispatcher.drive(CLIENT, ROUTE)
    await asyncio.sleep(1)
    offer(folder, *(f"{number:06}" for number in range(case.passengers)))
    case.prepare(folder)
    ticks, begun = Ticks(), time.perf_counter()
    log = await dispatcher.drive(CLIENT, ROUTE)
    rate = case.passengers / (time.perf_counter() - begun)
    await dispatcher.shut_down()
    window.hide()
    window.deleteLater()
    return ticks, rate, log


async def idle(seconds: float) -> Ticks:
    """What the machine itself does to a timer."""
    ticks = Ticks()
    await asyncio.sleep(seconds)
    return ticks


async def all_of(options: argparse.Namespace) -> None:
    """Measure and print a table."""
    print(f"{'engine':12} {'trip':26} {'runs in':9} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'per s':>8}")
    print(f"{'':12} {'none':26} {'':9} {await idle(options.seconds)}")
    for engine in (JSON_FILES, SQLITE):
        for case in cases(options.count, options.seconds):
            for isolation in ("thread", "process"):
                folder = Path(tempfile.mkdtemp())
                try:
                    ticks, rate, log = await measured(folder, engine, isolation, case)
                finally:
                    shutil.rmtree(folder)
                if log.has_errors:
                    sys.exit(f"The trip had errors: {log.errors[0].message}")
                shown = f"{rate:8.0f}" if case.passengers > 1 else ""
                print(f"{engine!s:12} {case.name:26} {isolation:9} {ticks} {shown}", flush=True)


def main() -> None:
    """Make an app, and measure in it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1000, help="number of quick passengers (1000)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the lock is kept (5)")
    options = parser.parse_args()
    application = QApplication(sys.argv[:1])
    use_theme(application, Settings().theme)
    with collected_here(), asyncio.Runner(loop_factory=lambda: FairLoop(application)) as runner:
        runner.run(all_of(options))


if __name__ == "__main__":
    main()
