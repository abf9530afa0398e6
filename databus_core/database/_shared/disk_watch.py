"""Warns before the disk is full."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

GIB = 1 << 30
SECONDS_BETWEEN_WARNINGS = 600.0


class DiskWatch:
    """Nearly full is a disk with less than 1 GiB free, or less than 5 % when that is under 10 GiB."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._report = report
        self._warn_after = 0.0

    def look(self) -> None:
        """Warn if the disk is nearly full and the last warning is long enough ago."""
        if time.monotonic() < self._warn_after:
            return
        disk = shutil.disk_usage(self._folder)
        if disk.free < max(GIB, min(disk.total // 20, 10 * GIB)):
            self._warn_after = time.monotonic() + SECONDS_BETWEEN_WARNINGS
            percent = 100 * disk.free / max(1, disk.total)
            self._report(
                f"The disk of {self._folder} is nearly full: {disk.free / GIB:.1f} GiB ({percent:.1f} %) are free. "
                f"When it is full, no passenger can be seated."
            )
