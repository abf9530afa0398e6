"""How often Python looks for garbage in a process that does nothing but drive."""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 50, 50)


def collect_seldom() -> None:
    """Look for garbage less often than Python does by itself, and never again through what is there now.

    A trip has many objects that live until the next commit. Python looks through them after each 700 new ones, finds
    nothing, and that costs a quarter of the trip.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
