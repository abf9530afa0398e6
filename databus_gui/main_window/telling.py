"""Which of the errors of a trip is the one to be told of."""

from __future__ import annotations

from databus_core.model.log import Log, LogEntry


class Telling:
    """Remembers what each client passenger's last trip said, so that an error that everybody knows hides no new one."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], set[int]] = {}
        """Of each client passenger's last trip, its errors as `_mark` marks them."""
        self._told: dict[tuple[str, str], int] = {}

    def of(self, log: Log) -> LogEntry | None:
        """The newest error that the trip before did not have; else the one told of then, else the first.

        To be asked once a trip. Of the first trip that is seen, nothing is known to be old: its first error is told.
        """
        route = log.client_id, log.client_passenger
        before, told = self._last.get(route), self._told.get(route)
        self._last[route] = {_mark(error) for error in log.errors}
        if not log.errors:
            self._told.pop(route, None)
            return None
        news = [error for error in log.errors if before is not None and _mark(error) not in before]
        still = [error for error in log.errors if _mark(error) == told]
        error = [*log.errors[:1], *still[-1:], *news[-1:]][-1]
        self._told[route] = _mark(error)
        return error


def _mark(error: LogEntry) -> int:
    return hash((error.module, error.message))
