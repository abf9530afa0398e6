"""Making a folder with a ticket on the database of a person's choice."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from databus_core.engine.export import export_client
from databus_core.engine.factories import Factories
from databus_core.errors import TicketError
from databus_core.files import write_durably
from databus_core.model.client import ROOT
from databus_core.model.holder import Holder
from databus_core.model.problem import Problem
from databus_core.model.ticket import DispatcherTicket
from databus_core.new_folder import TICKET, make_ticket_folder

SQL_MODULE = "databus_core.database.sql"
SQLITE_FILE = "data/databus.sqlite"


def make_ticket(folder: Path, *, demo: bool, database: str, report: Callable[[str], None]) -> Path:
    """Make a folder with a ticket on a database: "sqlite", or the address of a server; answers the ticket's file.

    An empty database gets the clients that an ordinary new folder has; one with clients is taken as it is. Raises
    TicketError, and DatabaseError when the database cannot be opened.
    """
    file = folder / TICKET
    if file.exists():
        raise TicketError(file, Problem((), "exists already."))
    options = {"database_module": SQL_MODULE, "database_arguments": sql_arguments(database, "--database")}
    with tempfile.TemporaryDirectory(prefix="databus-new-") as place:
        pattern = DispatcherTicket.load(make_ticket_folder(Path(place) / "folder", demo=demo))
        data = str(pattern.database_arguments["database_dir"])
        ticket = DispatcherTicket.parse(pattern.document() | options, file.absolute())
        _fill(ticket, pattern, report)
        try:
            shutil.copytree(pattern.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(data, TICKET))
            write_durably(file, ticket.text().encode())
        except OSError as error:
            raise TicketError(folder, Problem((), f"cannot be made: {error}")) from error
    return file


def sql_arguments(database: str, option: str) -> dict[str, Any]:
    """Arguments of the SQL engine for "sqlite" or an address. Raises TicketError, which names the option."""
    if database == "sqlite":
        return {"file": SQLITE_FILE}
    if "://" in database:
        return {"url": database}
    allowed = "sqlite, or an address such as postgresql://user@host:5432/database"
    raise TicketError(option, Problem((), f"{database!r:.80} is not allowed; allowed are {allowed}."))


def _fill(ticket: DispatcherTicket, pattern: DispatcherTicket, report: Callable[[str], None]) -> None:
    """Give an empty database the clients of the pattern."""
    holder = Holder("databus new")
    with closing(Factories(ticket).database(report)) as target, closing(Factories(pattern).database(report)) as source:
        target.open(holder)
        if target.client_ids() == [ROOT]:
            source.open(holder)
            for client_id in source.client_ids():
                export_client(source, target, client_id, lambda _done, _total: None)
