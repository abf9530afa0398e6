"""What is wrong with a document that a person wrote, told so that they find the place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

SECRET_KEYS = {"password", "token"}
"""What is under these keys is shown to nobody."""
_SIGNS_OF_SECRETS = [re.compile(pattern) for pattern in (r"'(password|token)'", r"://[^/@\s]*:[^/@\s]*@")]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong at one place of a document."""

    path: tuple[str | int, ...]
    """Keys and indexes from the document's root; empty for the document as a whole."""
    message: str
    line: int | None = None
    """1-based, where the document is text and the place was found."""
    column: int | None = None

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        place = ", ".join(filter(None, (line, dotted(self.path))))
        return f"{place}: {self.message}" if place else self.message


def dotted(path: tuple[str | int, ...]) -> str:
    """A path as a person reads it: `passengers[0].queue_life_span`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every error that pydantic found, in words, with the value and what is allowed."""
    problems: list[Problem] = []
    for detail in error.errors():
        path = tuple(part for part in detail["loc"] if not _is_union_branch(part))
        if detail["type"] == "extra_forbidden":
            message = _unknown_key(str(path[-1]), _model_at(model, path[:-1]))
        elif detail["type"] == "missing":
            message = "is missing"
        else:
            message = _refusal(path, detail)
        problems.append(Problem(path, message))
    return _without_repeats(problems)


def _is_union_branch(part: str | int) -> bool:
    """Pydantic puts the tried type of a union into the path (`str`, `ModuleReference`, `function-wrap[...]`)."""
    return isinstance(part, str) and (part in {"str", "int", "float", "bool"} or part[:1].isupper() or "[" in part)


def _model_at(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel] | None:
    """What the document has at that place; None where it is no single model."""
    found: type[BaseModel] | None = model
    for key in path:
        if isinstance(key, int):  # into a list of the same
            continue
        field = found.model_fields.get(key) if found is not None else None
        models = _models_in(field.annotation) if field is not None else []
        found = models[0] if len(models) == 1 else None
    return found


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _unknown_key(key: str, model: type[BaseModel] | None) -> str:
    if model is None:
        return "is not known here"
    known = list(model.model_fields)
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return (
        f"is not known{hint} Allowed are {', '.join(known)}."
        if hint
        else f"is not known. Allowed are {', '.join(known)}."
    )


def _sentence(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "model_type":
        return "it must be an object in braces"
    message = str(detail["msg"])
    own = message.removeprefix("Value error, ")
    return own if own != message else message[:1].lower() + message[1:]


def _refusal(path: tuple[str | int, ...], detail: Mapping[str, Any]) -> str:
    """What is not allowed and why; of what may hold a secret, only why."""
    shown, sentence = repr(detail["input"]), _sentence(detail)
    holds_secret = not path or path[-1] in SECRET_KEYS or any(sign.search(shown) for sign in _SIGNS_OF_SECRETS)
    if holds_secret or sentence.startswith(f"{shown} "):  # that says itself what is wrong
        return sentence
    return f"{_shown(shown)} is not allowed: {sentence}"


def _shown(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _without_repeats(problems: list[Problem]) -> list[Problem]:
    """One problem a place: a union reports every branch, and the first says enough."""
    first: dict[tuple[str | int, ...], Problem] = {}
    for problem in problems:
        first.setdefault(problem.path, problem)
    return list(first.values())
