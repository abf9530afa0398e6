"""One thread writes; what several threads want written at the same moment is committed together."""

from __future__ import annotations

import queue
import threading
import time
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


class _Undone(Exception):
    """The database undid more than it was asked to."""


class _Job:
    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.outcome: Future[Any] = Future()


class Writer:
    """Owns the only connection that writes.

    A commit waits for the disk; shared by all who wait, it costs each a part. A job that fails is undone alone. When
    the connection is lost before a commit, the work is done once more on a new one: nothing of it had been kept.
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
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="databus-sql-writer", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Connection], T]) -> T:
        """Let the writing thread do the work in a transaction; durable when this returns. Raises what it raises."""
        if self._closed:
            raise ClosedError("The database is not open.")
        job = _Job(work)
        self._jobs.put(job)
        return job.outcome.result()

    def close(self) -> None:
        """Finish what was asked for, then give the connection back."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()

    # In the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        more = True
        while more:
            first = self._jobs.get()
            if first is None:
                break
            more = self._commit_with(first)
        if self._connection is not None:
            with suppress(exc.SQLAlchemyError):  # whoever opens the data next finds a lock that nobody has
                self._leave(self._connection)
            with suppress(exc.SQLAlchemyError):
                self._connection.close()
        while (left := self._next()) is not None:
            left.outcome.set_exception(ClosedError("The database was closed."))

    def _next(self) -> _Job | None:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            return None

    def _commit_with(self, first: _Job) -> bool:
        """Do this job and what comes meanwhile, and commit; answers whether the thread goes on."""
        done: list[tuple[_Job, Any]] = []
        more, until = True, time.monotonic() + COMMIT_SECONDS
        job: _Job | None = first
        try:
            with self._connected().begin():
                if self._jobs.empty():  # alone: the transaction itself undoes what fails, and costs less
                    done.append((first, first.work(self._connected())))
                    job = None
                while job is not None:
                    self._do(job, done)
                    if len(done) >= JOBS_OF_COMMIT or time.monotonic() > until or self._jobs.empty():
                        break
                    job = self._jobs.get()
                    more = job is not None
        except BaseException as error:  # noqa: BLE001 - whoever waits for a job must hear what became of it
            self._undone([*(each for each, _ in done), *([job] if job else [])], error)
            return more
        for each, result in done:
            each.outcome.set_result(result)
        return more

    def _do(self, job: _Job, done: list[tuple[_Job, Any]]) -> None:
        """One job inside the transaction. Raises only what is everybody's failure: that all of it is undone."""
        connection = self._connected()
        savepoint = connection.begin_nested()
        try:
            result = job.work(connection)
            savepoint.commit()
        except Exception as error:
            self._forget()
            if _lost(error):
                raise
            job.outcome.set_exception(error)
            try:
                savepoint.rollback()
            except exc.DBAPIError as gone:
                raise _Undone from gone  # SQLite does so when the disk is full
        else:
            done.append((job, result))

    def _undone(self, jobs: list[_Job], error: BaseException) -> None:
        """A transaction came to nothing: its jobs are done once more, each alone, where that may help."""
        self._forget()
        waiting = [job for job in jobs if not job.outcome.done()]
        if _lost(error):
            self._disconnect()
        elif not isinstance(error, _Undone):
            for job in waiting:
                job.outcome.set_exception(error)
            return
        for job in waiting:
            try:
                with self._connected().begin():
                    result = job.work(self._connected())
            except Exception as again:  # noqa: BLE001 - it is raised where the job came from
                self._forget()
                if _lost(again):
                    self._disconnect()
                job.outcome.set_exception(again)
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
