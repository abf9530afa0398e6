"""Where the packaged programs start; both are the `databus` command."""

import multiprocessing
import os
import sys
from pathlib import Path

if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - a windowed program on Windows has no streams
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end

# Child processes are started as this program again, and must not open another window.
multiprocessing.freeze_support()
if sys.argv[1:2] == ["--databus-child"]:  # CHILD_ARGUMENT, spelled out: no window need be loaded to see it
    from databus_core.engine.child import main as child

    child(int(sys.argv[2]))

from databus_gui.command import main  # noqa: E402 - not in the child processes

main()
