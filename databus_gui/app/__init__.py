"""The desktop app: everything is put together here."""

from databus_gui.app.app import run as run
from databus_gui.app.app import run_smoke_test as run_smoke_test
from databus_gui.app.ticket_folder import ticket_of as ticket_of
