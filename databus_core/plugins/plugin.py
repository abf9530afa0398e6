"""What every plug-in has: its log, its arguments, its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from databus_core.model.log import ModuleLog
from databus_core.model.passenger import Passenger
from databus_core.model.problem import Problem, problems_of
from databus_core.model.ticket_path import FOLDER_KEY

ModelT = TypeVar("ModelT", bound=BaseModel)

Sentences: TypeAlias = Iterable[str] | AsyncIterator[str] | Awaitable[Iterable[str]]


class Arguments(BaseModel):
    """Base of a plug-in's arguments: a pydantic model whose fields make the form, the help and the validation.

    Relative `TicketPath` fields become absolute, starting at the ticket's folder. Unknown arguments are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class ArgumentsError(ValueError):
    """Arguments that are wrong, with one sentence per problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"argument {problem}" for problem in problems))


def validated(model: type[ModelT], arguments: Mapping[str, Any], folder: Path) -> ModelT:
    """Raw arguments as an object of that model, on a ticket in that folder. Raises ArgumentsError."""
    try:
        return model.model_validate(dict(arguments), context={FOLDER_KEY: folder})
    except ValidationError as error:
        raise ArgumentsError(problems_of(error, model)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """What a plug-in is made with."""

    log: ModuleLog
    folder: Path
    """The ticket's folder."""
    client_id: str = ""
    module: str = ""
    """The plug-in's own module, as the configuration spells it."""
    step: str = ""
    """Name of the step that the plug-in does for each passenger; the module's name unless the configuration says so."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Raw arguments from the configuration; the plug-in validates them."""
    passenger_class: type[Passenger] = Passenger
    """Class of the passengers that this client passenger carries."""


class Plugin:
    """Base of pullers, processors and pushers.

    One object is made per trip, in the thread that calls all its methods; `close` is called when the trip ends,
    whatever happened.
    `arguments` is an object of the class's own `Arguments`; a plug-in that declares none takes none.
    """

    Arguments: ClassVar[type[BaseModel]] = Arguments

    def __init__(self, context: PluginContext) -> None:
        """Raises ValueError, in words, when the arguments are wrong. Touches nothing: `databus check` makes it, too."""
        self.context = context
        self.log = context.log
        self.arguments: Any = validated(self.Arguments, context.arguments, context.folder)

    def problems(self) -> Sentences:
        """What already speaks against working, one sentence each: a folder that is missing, a driver not installed.

        Called by `databus check` and before a configuration is saved in the desktop app, also beside a trip of the same
        plug-in: it only looks, has no side effect, and does not wait long; a connection to another computer needs a
        time limit of seconds. May be a plain function, `async def`, or an (async) generator.
        """
        return ()

    def close(self) -> None:
        """Give back what the plug-in holds (connections, files)."""
