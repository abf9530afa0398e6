"""The asyncio loop on Qt's event loop, fair to the window.

qasync brings sockets, pipes and the proactor of Windows onto Qt. What it does with a QTimer per callback is done here
as asyncio does it: a queue of what is ready, run in slices so that the window gets its turn between them, and a heap of
timers on one precise QTimer. So a callback costs no timer, a sleep never ends early, a cancelled timer is forgotten.

Start it with `asyncio.Runner(loop_factory=lambda: FairLoop(app))`: a policy would break `asyncio.run` in threads.
"""
# ruff: noqa: SLF001 - an asyncio loop is made of these members: of the handles, of the running loop

from __future__ import annotations

import asyncio
import asyncio.events
import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer

if TYPE_CHECKING:

    class _QtLoop(asyncio.SelectorEventLoop):
        """What qasync's loop is to this module; it has no types of its own."""

        def __init__(self, app: QCoreApplication) -> None: ...
        def _before_run_forever(self) -> None: ...
        def _after_run_forever(self) -> None: ...
        def _check_closed(self) -> None: ...

else:
    from qasync import QEventLoop as _QtLoop

SLICE_SECONDS = 0.008
"""How long callbacks run before the window gets its turn: half a frame."""
CANCELLED_KEPT = 64
"""Cancelled timers that may lie in the heap before it is swept, if they are the greater part of it."""
LONGEST_MS = 24 * 60 * 60 * 1000


class _Bell(QObject):
    """Wakes the loop from any thread."""

    _RANG = QEvent.Type(QEvent.registerEventType())

    def __init__(self, answer: Callable[[], None]) -> None:
        super().__init__()
        self._answer = answer
        self._ringing = False

    def ring(self) -> None:
        """Let the window's thread call `answer` soon; rings that were not answered yet count as one."""
        if not self._ringing:
            self._ringing = True
            QCoreApplication.postEvent(self, QEvent(self._RANG))

    def event(self, event: QEvent) -> bool:
        if event.type() != self._RANG:
            return super().event(event)
        self._ringing = False
        self._answer()
        return True


class FairLoop(_QtLoop):
    """An asyncio loop that runs wherever Qt's events are processed."""

    def __init__(self, app: QCoreApplication) -> None:
        self._app = app
        self._queue: deque[asyncio.Handle] = deque()
        self._heap: list[asyncio.TimerHandle] = []
        self._cancelled = 0
        self._attached = False
        self._slicing = False
        self._raised: BaseException | None = None
        self._bell = _Bell(self._wake)
        self._soon = QTimer(singleShot=True, interval=0)
        self._soon.timeout.connect(self._run_slice)
        self._alarm = QTimer(singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._alarm.timeout.connect(self._run_slice)
        super().__init__(app)

    # Running ----------------------------------------------------------------------------------------------------

    def run_forever(self) -> None:
        """Run until `stop`, with Qt's event loop. Raises what a callback raised that is no Exception (SystemExit)."""
        with self.attached():
            self._app.exec()
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised

    @contextmanager
    def attached(self) -> Generator[None]:
        """Callbacks run whenever Qt's events are processed, by whomever: `app.exec()`, or a test that waits."""
        self._check_closed()
        if self._attached:
            raise RuntimeError("The loop runs already")
        self._attached = True
        self._before_run_forever()
        asyncio.events._set_running_loop(self)
        self._wake()
        try:
            yield
        finally:
            asyncio.events._set_running_loop(None)
            self._attached = False
            self._soon.stop()
            self._alarm.stop()
            self._after_run_forever()

    def is_running(self) -> bool:
        return self._attached

    def stop(self) -> None:
        """End `run_forever` when the events at hand are processed."""
        if self._attached:
            self._app.exit()

    def close(self) -> None:
        super().close()
        self._queue.clear()
        self._heap.clear()

    def _wake(self) -> None:
        if self._attached and (self._queue or self._heap):
            self._soon.start()

    def _run_slice(self) -> None:
        if self._slicing or not self._attached:
            return  # a callback processes Qt's events itself: tasks must not run inside of each other
        self._slicing = True
        try:
            self._ripen()
            end = time.perf_counter() + SLICE_SECONDS
            queue = self._queue
            while queue and time.perf_counter() < end:
                handle = queue.popleft()
                if not handle.cancelled():
                    handle._run()  # pyright: ignore[reportPrivateUsage]
        except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt belong to run_forever's caller
            self._raised = error
            self.stop()
        finally:
            self._slicing = False
        self._plan()

    def _ripen(self) -> None:
        """Move the timers whose time has come to the end of the queue."""
        now, heap = self.time(), self._heap
        while heap and (heap[0].cancelled() or heap[0].when() <= now):
            handle = heapq.heappop(heap)
            if handle.cancelled():
                self._cancelled -= 1
            else:
                handle._scheduled = False  # pyright: ignore[reportAttributeAccessIssue] - as asyncio's own loop does
                self._queue.append(handle)

    def _plan(self) -> None:
        """Arrange for the next slice: at once, when the first timer is due, or when somebody asks."""
        if self._queue:
            self._soon.start()
        elif self._heap:
            wait = math.ceil((self._heap[0].when() - self.time()) * 1000)
            self._alarm.start(min(max(wait, 0), LONGEST_MS))
        else:
            self._alarm.stop()

    # Callbacks --------------------------------------------------------------------------------------------------

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        if not self._queue and not self._slicing:
            self._soon.start()
        self._queue.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._queue.append(handle)
        self._bell.ring()
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._check_closed()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._sweep()
        handle._scheduled = True  # pyright: ignore[reportAttributeAccessIssue] - so that it tells us when it is cancelled
        heapq.heappush(self._heap, handle)
        if self._heap[0] is handle and not self._queue and not self._slicing:
            self._plan()
        return handle

    def _sweep(self) -> None:
        """Forget cancelled timers that would wait in the heap for their time."""
        if self._cancelled > CANCELLED_KEPT and self._cancelled * 2 > len(self._heap):
            self._heap = [waiting for waiting in self._heap if not waiting.cancelled()]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio tells the loop of each timer that is about to be cancelled."""
        if handle._scheduled:  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            self._cancelled += 1

    def _add_callback(self, handle: asyncio.Handle) -> None:
        """asyncio and qasync bring sockets' and signals' callbacks here."""
        self._queue.append(handle)
        self._bell.ring()

    # Threads ----------------------------------------------------------------------------------------------------

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """As asyncio does it: qasync's own thread pool waits for ever for a callback that raises a BaseException."""
        return asyncio.BaseEventLoop.run_in_executor(self, executor, func, *args)

    def set_default_executor(self, executor: ThreadPoolExecutor) -> None:
        asyncio.BaseEventLoop.set_default_executor(self, executor)
