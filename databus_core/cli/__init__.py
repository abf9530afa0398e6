"""The `databus` command."""

from databus_core.cli import data_commands, queue_commands, record_commands, schedule_commands, trip_commands
from databus_core.cli.app import app
from databus_core.cli.trip_commands import run_headless

_IN_HELP = [
    module.__name__ for module in (trip_commands, schedule_commands, queue_commands, record_commands, data_commands)
]
"""Each adds its commands to the app when it is imported; help lists them in this order."""

app.registered_commands.sort(key=lambda command: _IN_HELP.index(getattr(command.callback, "__module__", "")))

__all__ = ["app", "run_headless"]
