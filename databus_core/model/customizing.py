"""Customizing nodes: the JSON documents that administrators edit, and what is wrong with one, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from json_source_map import calculate
from pydantic import BaseModel, ValidationError

from databus_core.model.client import Client, ClientList
from databus_core.model.json_text import doubled_keys, read_json
from databus_core.model.problem import Problem, problems_of

DATABUS_NODE = "__databus__"
CLIENTS_NODE = "__clients__"

_MODELS: dict[str, type[BaseModel]] = {DATABUS_NODE: Client, CLIENTS_NODE: ClientList}


@dataclass(frozen=True, slots=True)
class CustomizingBackup:
    """A copy of a node as it was before a change or at a start."""

    id: str
    node: str
    made_at: datetime
    size: int
    """Bytes."""


def problems_in(node: str, text: str) -> list[Problem]:
    """What is wrong with a node's text: its JSON, and for Databus's own nodes what it says. Empty when nothing is."""
    text = text.removeprefix("\ufeff")
    document = read_json(text)
    if isinstance(document, Problem):
        return [document]
    model = _MODELS.get(node)
    return [] if model is None else [*doubled_keys(text), *_problems_as(model, document, text)]


def _problems_as(model: type[BaseModel], document: object, text: str) -> list[Problem]:
    try:
        model.model_validate(document)
    except ValidationError as error:
        problems = problems_of(error, model)
    else:
        return []
    return located(problems, text)


def located(problems: list[Problem], text: str) -> list[Problem]:
    """The problems of a JSON text with the line of each."""
    try:
        places = cast("dict[str, _Entry]", calculate(text.removeprefix("\ufeff")))
    except RecursionError:
        return problems
    return [_with_line(problem, places) for problem in problems]


def _with_line(problem: Problem, places: dict[str, _Entry]) -> Problem:
    """The problem with the line of the value it is about, or of the nearest value around it."""
    path = problem.path
    # json_source_map escapes nothing in its pointers.
    while (entry := places.get("".join(f"/{part}" for part in path))) is None:
        path = path[:-1]
    return Problem(problem.path, problem.message, entry.value_start.line + 1, entry.value_start.column + 1)


class _Location:
    line: int
    column: int


class _Entry:
    """What json_source_map (which has no types) says of one value."""

    value_start: _Location
