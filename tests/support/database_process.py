"""What tests let a second process do with a database: `python -m tests.support.database_process TASK ...`.

Each task prints one JSON value per line, flushed, so that whoever kills it knows how far it came.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from databus_core.errors import DatabaseHeldError
from databus_core.model.attachment import Attachment
from databus_core.model.holder import Holder
from databus_core.model.identity import new_id
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.plugins.database import Database
from tests.support.engines import Engine
from tests.support.entries import completed, entry, minutes

CLIENT = "root"


def tell(value: object) -> None:
    """Say something to the test; it is there when this returns."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def hold(database: Database) -> None:
    """Hold the database until killed."""
    database.open(Holder("the other program"))
    tell("holding")
    time.sleep(600)


def hold_or_tell(database: Database) -> None:
    """Hold the database until killed, or say that somebody else does."""
    try:
        hold(database)
    except DatabaseHeldError:
        tell("refused")


def try_open(database: Database) -> None:
    """Say whether the database could be had."""
    try:
        database.open(Holder("the other program"))
    except DatabaseHeldError as error:
        tell({"refused": str(error), "pid": error.holder.pid if error.holder else None})
    else:
        tell({"refused": None})
        database.close()


def write_log(database: Database) -> None:
    """Write a log that is never finished."""
    database.open(Holder("the other program"))
    log = Log(CLIENT, "orders")
    for number in range(50):
        database.append_log(log, [LogEntry(minutes(number), "plugins.shop", MessageType.INFO, f"message {number}")])
    tell(log.id)
    time.sleep(600)


def work(database: Database) -> None:
    """Seat, change, complete and remove passengers for ever; say each fact after it was reported as durable."""
    database.open(Holder("the other program"))
    while True:
        made = [entry(new_id(), attachments=[Attachment.text("order.txt", "first")]) for _ in range(3)]
        names = [one.external_id for one in made]
        database.seat(CLIENT, made)
        tell(["seated", names])
        for one in made:
            one.notification.finish()
            one.attachments[0].set_text("second")
        database.update(CLIENT, made)
        tell(["changed", names])
        database.update(CLIENT, [completed(made[0])])
        tell(["completed", names[:1]])
        tell(["removing", names[:1]])
        database.remove(CLIENT, [made[0].internal_id])
        tell(["removed", names[:1]])


def main() -> None:
    """Do the task of the command line."""
    task, module, arguments, folder = sys.argv[1:5]
    database = Engine(module, json.loads(arguments)).make(Path(folder))
    tasks = {each.__name__: each for each in (hold, hold_or_tell, try_open, write_log, work)}
    tasks[task](database)


if __name__ == "__main__":
    main()
