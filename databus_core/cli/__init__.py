"""The `databus` command."""

from databus_core.cli.commands import run_headless
from databus_core.cli.schedule_commands import app  # by this way, so that its commands are among those of the app

__all__ = ["app", "run_headless"]
