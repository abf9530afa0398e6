"""What every plug-in has: its log, its arguments, its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from databus_core.model.log import ModuleLog
from databus_core.model.passenger import Passenger
from databus_core.model.problem import problems_of
from databus_core.model.ticket_path import FOLDER_KEY


class Arguments(BaseModel):
    """Base of a plug-in's arguments: a pydantic model whose fields make the form, the help and the validation.

    Relative `TicketPath` fields become absolute, starting at the ticket's folder. Unknown arguments are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """What a plug-in is made with."""

    log: ModuleLog
    folder: Path
    """The ticket's folder."""
    client_id: str = ""
    module: str = ""
    """The plug-in's own module, as the configuration spells it."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Raw arguments from the configuration; the plug-in validates them."""
    passenger_class: type[Passenger] = Passenger
    """Class of the passengers that this client passenger carries."""


class Plugin:
    """Base of pullers, processors and pushers.

    One object is made per trip, in the trip's thread; `close` is called when the trip ends, whatever happened.
    `arguments` is an object of the class's own `Arguments`; a plug-in that declares none takes none.
    """

    Arguments: ClassVar[type[BaseModel]] = Arguments

    def __init__(self, context: PluginContext) -> None:
        """Raises ValueError, in words, when the arguments are wrong."""
        self.context = context
        self.log = context.log
        self.arguments = self.validated(context.arguments, context.folder)

    @classmethod
    def validated(cls, arguments: Mapping[str, Any], folder: Path) -> Any:
        """The arguments as an object of `Arguments`. Raises ValueError with one sentence per problem."""
        try:
            return cls.Arguments.model_validate(dict(arguments), context={FOLDER_KEY: folder})
        except ValidationError as error:
            problems = problems_of(error, cls.Arguments)
            raise ValueError("; ".join(f"argument {problem}" for problem in problems)) from error

    def close(self) -> None:
        """Give back what the plug-in holds (connections, files)."""
