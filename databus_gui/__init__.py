"""The desktop app: a Qt window over the dispatcher."""

import os

os.environ["QT_API"] = "pyside6"  # qasync and qtawesome serve several bindings and choose by this
