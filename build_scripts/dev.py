#!/usr/bin/env python3
"""Starts everything a developer does: `python3 build_scripts/dev.py --help`.

This file is kept readable for every old Python, so that an old one can say what it lacks.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older one may well read this line
    sys.exit("Databus Desktop needs Python 3.11 or newer; this is " + sys.version.split()[0] + " in " + sys.executable)

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

from build_scripts.tasks import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
