"""The logs of a client: what happened on each trip, also while it happens."""

from databus_gui.pages.logs.page import LogsPage as LogsPage
