"""What is removed when its time has come, or when there is too much of it; each rule says what it removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from databus_core.engine.queue import Queue
from databus_core.model.byte_size import size_text
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.clock import now
from databus_core.plugins.database import Database


def purge_queue(queue: Queue, route: ClientPassenger) -> list[str]:
    """Remove completed passengers by the rules of their client passenger; answers a sentence for each that did."""
    count, size = route.queue_keep_count, route.queue_keep_size
    done = _Done("passenger")
    days = route.queue_life_span
    done.note(queue.purge(route.name, _days_ago(days)), f"completed more than {days:g} days ago")
    if count is not None:
        done.note(queue.purge_surplus(route.name, count=count), f"completed before the {count:,} that are kept")
    if size is not None:
        done.note(
            queue.purge_surplus(route.name, size=size),
            f"completed before those that are kept, which take {size_text(size)} at most",
        )
    return done.sentences


def remove_logs(database: Database, client_id: str, client: Client) -> list[str]:
    """Remove logs by the rules of each client passenger; answers a sentence for each that did.

    Client passengers that are configured no more, and logs that name none, go by the client's log life span.
    """
    done = _Done("log")
    routes = {route.name: route for route in client.passengers}
    for name in sorted({*routes, *database.space(client_id)}):
        route = routes.get(name)
        days = route.log_life_span if route is not None and route.log_life_span is not None else client.log_life_span
        of = f"of {name} " if name else ""
        done.note(database.remove_logs(client_id, _days_ago(days), name), f"{of}from more than {days:g} days ago")
        if route is not None:
            _remove_surplus_logs(database, client_id, route, done.note)
    return done.sentences


def _remove_surplus_logs(
    database: Database, client_id: str, route: ClientPassenger, note: Callable[[int, str], None]
) -> None:
    name, count, size = route.name, route.log_keep_count, route.log_keep_size
    if count is not None:
        note(
            database.remove_surplus_logs(client_id, name, count=count), f"of {name} before the {count:,} that are kept"
        )
    if size is not None:
        note(
            database.remove_surplus_logs(client_id, name, size=size),
            f"of {name} before those that are kept, which take {size_text(size)} at most",
        )


class _Done:
    def __init__(self, what: str) -> None:
        self._what = what
        self.sentences: list[str] = []

    def note(self, number: int, which: str) -> None:
        """So many were removed by a rule."""
        if number:
            self.sentences.append(f"Removed {number:,} {self._what}{'' if number == 1 else 's'} {which}")


def _days_ago(days: float) -> datetime:
    return now() - timedelta(days=days)
