"""One connection writes; what several threads want written at the same moment is committed together.

Whoever wants something written while nobody writes does it in its own thread: no other thread need wake up for it,
which costs as much as a small commit. Whoever comes meanwhile waits, and the first of those does the work of all of
them. (Flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010.)
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, exc

from databus_core.errors import ClosedError

T = TypeVar("T")

JOBS_OF_COMMIT = 200
COMMIT_SECONDS = 0.05
"""A commit takes in what comes meanwhile, up to so many jobs and for so long."""


class _Job:
    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.outcome: Future[Any] = Future()


class Writer:
    """Owns the only connection that writes.

    A commit waits for the disk; shared by all who wait, it costs each a part. When a job fails, or the connection is
    lost, before the commit, nothing of it was kept: each job is done once more, in a transaction of its own. So work
    may run twice, and its second run counts. (Savepoints would spare that, and cost as much as a small job.)
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        forget: Callable[[], None],
        leave: Callable[[Connection], None],
    ) -> None:
        """`connect` makes a connection that may write; `forget` is told that what jobs did was undone; `leave` gets the
        connection when everything is done. Raises what `connect` raises."""
        self._connection: Connection | None = connect()
        self._connect = connect
        self._forget = forget
        self._leave = leave
        self._jobs: deque[_Job] = deque()
        self._turn = threading.Lock()
        """Held by whoever uses the connection."""
        self._closed = False

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do the work in a transaction; durable when this returns. Raises what it raises."""
        job = _Job(work)
        self._jobs.append(job)
        with self._turn:
            while not job.outcome.done():
                if self._closed:
                    raise ClosedError("The database is not open.")
                self._commit()
        return job.outcome.result()

    def close(self) -> None:
        """Finish what is being written, then give the connection back."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            if self._connection is not None:
                with suppress(exc.SQLAlchemyError):  # whoever opens the data next finds a lock that nobody has
                    self._leave(self._connection)
                with suppress(exc.SQLAlchemyError):
                    self._connection.close()

    # By whoever has the turn ------------------------------------------------------------------------------------

    def _commit(self) -> None:
        """Do what waits, the oldest first, and commit."""
        jobs = [self._jobs.popleft()]
        results: list[Any] = []
        until = time.monotonic() + COMMIT_SECONDS
        try:
            with self._connected().begin():
                results.append(jobs[0].work(self._connected()))
                while self._jobs and len(jobs) < JOBS_OF_COMMIT and time.monotonic() <= until:
                    jobs.append(self._jobs.popleft())
                    results.append(jobs[-1].work(self._connected()))
        except BaseException as error:  # noqa: BLE001 - whoever waits for a job must hear what became of it
            self._undone(jobs, error)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.outcome.set_result(result)

    def _undone(self, jobs: list[_Job], error: BaseException) -> None:
        """A transaction came to nothing: where it was not one job's own failure, each is done once more, alone."""
        self._forget()
        if _lost(error):
            self._disconnect()
        elif len(jobs) == 1 or not isinstance(error, Exception):
            for job in jobs:
                job.outcome.set_exception(error)
            return
        for job in jobs:
            self._do_alone(job)

    def _do_alone(self, job: _Job) -> None:
        try:
            with self._connected().begin():
                result = job.work(self._connected())
        except Exception as error:  # noqa: BLE001 - it is raised where the job came from
            self._forget()
            if _lost(error):
                self._disconnect()
            job.outcome.set_exception(error)
        else:
            job.outcome.set_result(result)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def _lost(error: BaseException) -> bool:
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated
