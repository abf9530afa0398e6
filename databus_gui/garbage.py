"""Python's garbage collection, kept on the window's thread.

Python collects in whichever thread happens to allocate. When that is a worker, a QObject in a reference cycle is
destroyed there and leaves its timers behind in the window's event loop, which then calls into freed memory:
https://github.com/napari/napari/issues/1029. So nothing is collected by itself any more, only here, at the top of the
event loop, where none of Qt's own functions is under way.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

from PySide6.QtCore import QTimer

LOOK_MS = 1000
"""How often it is looked whether enough garbage may have come together."""


@contextmanager
def collected_here() -> Generator[None]:
    """Inside, garbage is collected by this thread only, whenever its Qt events are processed."""
    gc.collect()
    gc.freeze()  # what was imported stays: it need not be looked through again and again
    gc.disable()
    timer = QTimer(interval=LOOK_MS)
    timer.timeout.connect(_collect)
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        gc.collect()
        gc.enable()
        gc.unfreeze()


def _collect() -> None:
    """Collect the oldest generation that is due, by the same thresholds that Python itself goes by."""
    due = [
        generation
        for generation, (count, threshold) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
        if count > threshold > 0
    ]
    if due:
        gc.collect(due[-1])
