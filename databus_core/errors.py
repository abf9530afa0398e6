"""Every error Databus raises on purpose; the most exact child is the one to catch.

DatabusError
├── TicketError            a ticket that cannot be used
├── CustomizingError       a configuration document that cannot be used
├── FactoryError           a plug-in that cannot be found or made
│   └── PluginQuarantined  one that crashed too often, and is not called
├── PluginFolderError      a folder of plug-ins that cannot be read
├── DatabaseError
│   ├── DatabaseHeldError  another process works on the same data
│   ├── ClosedError        used before open() or after close()
│   ├── DamagedError       one stored thing that cannot be read
│   ├── DatabaseDamagedError  a whole database that cannot be relied on
│   └── NotFoundError      a client, passenger, log or node that does not exist
├── AttachmentError        content that cannot be read, unzipped or downloaded
├── PluginError             what a plug-in raised, with the cause chained
├── PermanentError         for plug-ins to raise: no further attempt would cure it
├── OutcomeUnknown         for pushers to raise: the target may have the passenger, or not
├── PeekNotOffered         a puller that cannot show what waits without taking it
├── QueryLineError         a typed question that cannot be read
├── ExportStopped          somebody stopped an export before its end
└── DispatcherError        a verb that the dispatcher's present state does not allow
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from databus_core.model.database_backup import DatabaseBackup
    from databus_core.model.holder import Holder
    from databus_core.model.problem import Problem


class DatabusError(Exception):
    """The root. Its text is a whole sentence fit for a person, with the offending value in it."""


class TicketError(DatabusError):
    """A ticket that cannot be used; one problem a line, each naming file, option, value and what is allowed."""

    def __init__(self, where: object, *problems: Problem) -> None:
        self.problems = list(problems)
        self.sentences = [f"{where}: {problem}" for problem in problems]
        super().__init__("\n".join(self.sentences))


class CustomizingError(DatabusError):
    """A configuration document that cannot be used."""

    def __init__(self, node: str, problems: Sequence[object]) -> None:
        self.node = node
        self.problems = list(problems)
        super().__init__(f"{node}: " + "; ".join(str(problem) for problem in self.problems))


class FactoryError(DatabusError):
    """A plug-in module that does not give one object of the kind asked for."""

    def __init__(self, kind: str, module: str, why: str) -> None:
        self.kind, self.module, self.why = kind, module, why
        super().__init__(f"{kind} {module!r} cannot be used: {why}")


class PluginQuarantined(FactoryError):
    """A plug-in that is not called, because it took its process with it too often."""

    def __init__(self, kind: str, module: str, why: str) -> None:
        super().__init__(kind, module, why)
        self.args = (f"{why}. When that is cured, a person releases it.",)


class PluginFolderError(DatabusError):
    """A folder of plug-ins that is there and cannot be read."""


class DatabaseError(DatabusError):
    """The database cannot do what was asked."""


class DatabaseHeldError(DatabaseError):
    """Another process works on the same data; `holder` says which."""

    def __init__(self, place: str, holder: Holder | None) -> None:
        self.holder = holder
        who = str(holder) if holder else "another process"
        super().__init__(f"{place} is in use by {who}. Only one dispatcher at a time may work on it.")


class ClosedError(DatabaseError):
    """The database is not open (any more)."""


class DamagedError(DatabaseError):
    """One stored thing cannot be read; it was set aside and everything else goes on."""

    def __init__(self, message: str, text: str | None = None) -> None:
        self.text = text
        """What is stored, where it is at least text: a person may repair it."""
        super().__init__(message)


class DatabaseDamagedError(DatabaseError):
    """The whole database cannot be relied on; `backup` is the newest good one of it, where one is offered."""

    def __init__(self, message: str, backup: DatabaseBackup | None = None) -> None:
        self.backup = backup
        self.ticket: Path | None = None
        """File of the ticket whose database it is, where it is known."""
        super().__init__(message)


class NotFoundError(DatabaseError):
    """A client, passenger, log or node that does not exist."""


class AttachmentError(DatabusError):
    """Content that cannot be read, unzipped or downloaded."""


class PluginError(DatabusError):
    """What a plug-in raised when it was called; the cause is chained."""

    @classmethod
    def of(cls, cause: BaseException) -> PluginError:
        """An exception in one line: our own are sentences, of others the type says more than the text."""
        try:
            text = str(cause).strip()
        except Exception:  # noqa: BLE001 - it is somebody else's class
            text = ""
        if not (isinstance(cause, DatabusError) and text):
            text = f"{type(cause).__name__}: {text}" if text else type(cause).__name__
        error = cls(text)
        error.__cause__ = cause
        return error


class PermanentError(DatabusError):
    """For plug-ins to raise when no further attempt would help: the step has failed, and a person decides."""


class OutcomeUnknown(DatabusError):
    """For pushers to raise when the target may have the passenger or not, because its answer did not come, say.

    What then becomes of the passenger is what becomes of one whose push the process died in.
    """


class PeekNotOffered(DatabusError):
    """The puller cannot show what waits in its source system without consuming it."""


class QueryLineError(DatabusError):
    """A typed question that cannot be read: what lies between `start` and `end` of the line is at fault."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


class ExportStopped(DatabusError):
    """An export was stopped before its end; what it copied is there, and the next one goes on."""


class DispatcherError(DatabusError):
    """A verb that the dispatcher's present state does not allow."""
