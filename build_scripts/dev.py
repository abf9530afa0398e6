#!/usr/bin/env python3
"""Starts everything a developer does: `python3 build_scripts/dev.py --help`.

This file is kept readable for every old Python, so that a wrong one can hand over to a right one, or say what it lacks.
"""

import os
import shutil
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):  # pyproject.toml says why not a newer one
    for right in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(right)
        if found and os.name != "nt":  # where exec does not wait for what it starts
            os.execv(found, [found, os.path.abspath(__file__)] + sys.argv[1:])  # noqa: PTH100, RUF005, S606
    this = sys.version.split()[0] + " in " + sys.executable
    sys.exit("Databus Desktop needs Python 3.11, 3.12 or 3.13, and finds none on the PATH; this is " + this)

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

from build_scripts.tasks import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
