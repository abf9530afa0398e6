"""What plug-in authors and embedders may rely on."""

from __future__ import annotations

import databus_core

PUBLIC = [
    "Arguments",
    "Attachment",
    "AttachmentFormat",
    "BreakerChange",
    "Change",
    "Client",
    "ClientPassenger",
    "DatabusError",
    "Dispatcher",
    "DispatcherObserver",
    "DispatcherState",
    "DispatcherTicket",
    "LeaveOut",
    "Log",
    "LogEntry",
    "MessageType",
    "NotYet",
    "OutcomeUnknown",
    "Passenger",
    "PermanentError",
    "Processor",
    "Puller",
    "Pusher",
    "QueueStatus",
    "TicketPath",
    "__version__",
]


def test_public_names_are_these_and_all_there() -> None:
    """A name may be added; one that is taken away breaks somebody's plug-ins."""
    assert sorted(databus_core.__all__) == PUBLIC
    assert all(hasattr(databus_core, name) for name in PUBLIC)
