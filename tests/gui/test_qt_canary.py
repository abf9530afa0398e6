"""Whether this PySide6 may be used with this Python."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

CALLS = 2_000
SLACK = 500
"""References that other threads, caches and the interpreter may give back meanwhile."""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None, True and False are immortal here and count nothing")
def test_calls_into_qt_drop_no_references_to_constants(qtbot: QtBot) -> None:
    """PySide6 6.12.0 drops one at each call on Python 3.10 and 3.11, until the interpreter aborts."""
    label = QLabel()
    qtbot.addWidget(label)
    plain = QObject()
    before = [sys.getrefcount(constant) for constant in (None, True, False)]
    for number in range(CALLS):
        label.setText(str(number))
        label.setEnabled(label.isEnabled())
        plain.setObjectName("canary")
        plain.signalsBlocked()
    after = [sys.getrefcount(constant) for constant in (None, True, False)]
    lost = [then - now for then, now in zip(before, after, strict=True)]
    assert max(lost) < SLACK, f"references to None, True, False lost in {CALLS} calls: {lost}"
