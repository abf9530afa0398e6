"""What the walks share; tests/support/window.py says how a test with a window runs the loop."""

from tests.support.window import expected_logs, loop, open_window, run, settings, stage, ticket, window

__all__ = ["expected_logs", "loop", "open_window", "run", "settings", "stage", "ticket", "window"]
