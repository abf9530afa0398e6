"""The `databus` command."""

from databus_core.cli.commands import app, run_headless

__all__ = ["app", "run_headless"]
