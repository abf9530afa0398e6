"""The factories a ticket names, as one: each kind is made by the factory that the ticket gives for it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from databus_core.engine.driver import Driver
from databus_core.engine.queue import Queue
from databus_core.errors import DatabaseDamagedError, DatabaseError, FactoryError, TicketError
from databus_core.model.holder import Holder
from databus_core.model.passenger import Passenger
from databus_core.model.problem import Problem
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database, DatabaseContext, ignored, unwatched
from databus_core.plugins.factory import Factory
from databus_core.plugins.generation import Generation
from databus_core.plugins.plugin import ArgumentsError
from databus_core.plugins.plugin_folder import generation_of
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher

T = TypeVar("T")

KINDS: dict[type[object], str] = {
    Database: "database_factory",
    Driver: "driver_factory",
    Passenger: "passenger_factory",
    Queue: "queue_factory",
    Puller: "puller_factory",
    Processor: "processor_factory",
    Pusher: "pusher_factory",
}
"""The ticket's option for the factory of each kind."""


def _unusable(ticket: DispatcherTicket, option: str, error: FactoryError) -> Problem:
    """An option of the ticket names a module that gave this error."""
    return Problem((option,), f"{getattr(ticket, option)!r:.80} is not allowed: {error}")


@contextmanager
def option_named(ticket: DispatcherTicket, option: str) -> Generator[None]:
    """What cannot be used becomes a TicketError that names the ticket's file, the option and its value."""
    try:
        yield
    except FactoryError as error:
        raise TicketError(ticket.file or "Ticket", _unusable(ticket, option, error)) from error


class Factories(Factory):
    """A factory that asks the ticket's factory of each kind."""

    def __init__(self, ticket: DispatcherTicket, generation: Generation | None = None) -> None:
        """`generation`: plug-ins of the folder other than those in force.

        Raises TicketError when the ticket names factories or a driver that cannot be used.
        """
        self.plugins: Generation = generation or generation_of(ticket.folder)
        super().__init__(self.plugins)
        self.ticket = ticket
        self._by_kind: dict[type[object], Factory] = {}
        errors: dict[str, FactoryError] = {}
        made: dict[type[object], Factory] = {}
        for kind, option in KINDS.items():
            try:
                made[kind] = super().create(Factory, getattr(ticket, option), self.plugins)
            except FactoryError as error:
                errors[option] = error
        self._by_kind = made
        try:
            self.load(Driver, ticket.driver_module)
        except FactoryError as error:
            errors["driver_module"] = error
        if errors:
            problems = [_unusable(ticket, option, error) for option, error in errors.items()]
            causes = ExceptionGroup("modules that cannot be used", list(errors.values()))
            raise TicketError(ticket.file or "Ticket", *problems) from causes

    def database(
        self,
        report: Callable[[str], None],
        remark: Callable[[str], None] = ignored,
        on_indexed: Callable[[], None] = unwatched,
    ) -> Database:
        """The ticket's database, not open yet. Raises TicketError that names its module or each wrong argument."""
        ticket = self.ticket
        context = DatabaseContext(
            folder=ticket.folder,
            arguments=ticket.database_arguments,
            report=report,
            remark=remark,
            on_indexed=on_indexed,
        )
        with self._arguments_named():
            try:
                return self.create(Database, ticket.database_module, context)
            except FactoryError as error:
                if isinstance(error.__cause__, ArgumentsError):
                    raise
                problem = _unusable(ticket, "database_module", error)
                raise TicketError(ticket.file or "Ticket", problem) from error

    def opened(
        self,
        holder: Holder | None,
        report: Callable[[str], None],
        remark: Callable[[str], None] = ignored,
        on_indexed: Callable[[], None] = unwatched,
    ) -> Database:
        """The ticket's database, open; see Database.open. Raises TicketError as `database` does, DatabaseError."""
        database = self.database(report, remark, on_indexed)
        with self._arguments_named():
            try:
                database.open(holder)
            except DatabaseDamagedError as error:
                error.ticket = self.ticket.file
                raise
        return database

    @contextmanager
    def _arguments_named(self) -> Generator[None]:
        """Where arguments of the database are to blame, the error names the ticket's file and each of them."""
        try:
            yield
        except (FactoryError, DatabaseError) as error:
            if not isinstance(error.__cause__, ArgumentsError):
                raise
            wrong = error.__cause__.problems
            problems = [Problem(("database_arguments", *problem.path), problem.message) for problem in wrong]
            raise TicketError(self.ticket.file or "Ticket", *problems) from error

    def load(self, kind: type[T], module: str) -> type[T]:
        factory = self._by_kind.get(kind)
        return factory.load(kind, module) if factory else super().load(kind, module)

    def create(self, kind: type[T], module: str, *args: Any, **kwargs: Any) -> T:
        factory = self._by_kind.get(kind)
        return (
            factory.create(kind, module, *args, **kwargs) if factory else super().create(kind, module, *args, **kwargs)
        )
