"""Databus: moves passengers (mails, orders, files) between systems. What plug-in authors and embedders import."""

from databus_core.engine.dispatcher import Dispatcher
from databus_core.errors import DatabusError, OutcomeUnknown, PermanentError
from databus_core.model.attachment import Attachment, AttachmentFormat
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.outcome import LeaveOut, NotYet
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.ticket import DispatcherTicket
from databus_core.model.ticket_path import TicketPath
from databus_core.plugins.observer import Change, DispatcherObserver, DispatcherState
from databus_core.plugins.plugin import Arguments
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher

__version__ = "0.1.0"

__all__ = [
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
