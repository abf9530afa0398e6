"""What the tests of the window share; tests/support/window.py says how a test runs the loop."""

from tests.support.window import drive, expected_logs, loop, open_window, run, settings, stage, ticket, window

__all__ = ["drive", "expected_logs", "loop", "open_window", "run", "settings", "stage", "ticket", "window"]
