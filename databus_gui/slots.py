"""Coroutines as slots: started from a signal, never lost, their errors shown where the person looks."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import shiboken6
from PySide6.QtCore import QObject

from databus_core.errors import DatabusError

P = ParamSpec("P")
T = TypeVar("T")
OwnerT = TypeVar("OwnerT", bound=QObject)

_running: set[asyncio.Task[Any]] = set()
"""Asyncio itself keeps only weak references to tasks."""


def start(owner: QObject, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a coroutine as a task of `owner`, a page, a dialog or a model.

    A DatabusError goes to the owner's `show_error(error)` where it has one; everything else to the loop's exception
    handler, which the app shows and logs. What a task of a deleted owner raises is dropped.
    """
    task = asyncio.get_running_loop().create_task(coroutine)
    _running.add(task)
    task.add_done_callback(functools.partial(_finish, owner))
    return task


def async_slot(
    method: Callable[Concatenate[OwnerT, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[OwnerT, ...], asyncio.Task[T]]:
    """Let a signal start this coroutine method of a QObject; see `start` for what becomes of its errors.

    Arguments of the signal that the method does not take (`clicked(bool)`) are left out.
    """
    # PySide looks at the code of a slot to know how many arguments to pass, and passes none of `clicked` to *arguments.
    taken = _positional(method)
    coroutine = cast("Callable[..., Coroutine[Any, Any, T]]", method)
    if taken == 0:

        def without(self: OwnerT) -> asyncio.Task[T]:
            return start(self, coroutine(self))

        return functools.wraps(method)(without)
    if taken == 1:

        def with_one(self: OwnerT, argument: Any) -> asyncio.Task[T]:
            return start(self, coroutine(self, argument))

        return functools.wraps(method)(with_one)

    def with_several(self: OwnerT, *arguments: Any) -> asyncio.Task[T]:
        return start(self, coroutine(self, *arguments[:taken]))

    return functools.wraps(method)(with_several)


def _positional(method: Callable[..., object]) -> int:
    """How many arguments it takes after `self`."""
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(parameter.kind in positional for parameter in inspect.signature(method).parameters.values()) - 1


def _finish(owner: QObject, task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if task.cancelled():
        return
    error = task.exception()
    if error is None or not shiboken6.isValid(owner):
        return
    show_error: Callable[[DatabusError], None] | None = getattr(owner, "show_error", None)
    if isinstance(error, DatabusError) and show_error is not None:
        show_error(error)
        return
    task.get_loop().call_exception_handler(
        {"message": f"Unexpected {type(error).__name__}", "exception": error, "task": task}
    )
