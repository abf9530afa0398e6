"""From a module's name to an object of a kind, and what modules there are."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from databus_core.errors import DatabusError, FactoryError
from databus_core.plugins.generation import Generation, is_of_generation
from databus_core.plugins.plugin_folder import PLUGIN_FOLDER

T = TypeVar("T")

ENTRY_POINT_GROUP = "databus.plugins"
"""A pip-installed package offers its plug-in modules under this group: `name = "package.module"`."""

SUPPLIED_PACKAGES = ("databus_core.connectors", "databus_core.database")
"""Reached by name only: this layer does not know what is in them."""


class Factory:
    """Makes plug-ins. A ticket may name another module whose class `Factory` serves a kind."""

    def __init__(self, generation: Generation | None = None) -> None:
        """`generation`: the plug-ins of the folder beside the ticket."""
        self.generation = generation
        self._loaded: dict[tuple[type[object], str], tuple[ModuleType, type[object]]] = {}
        """What was found last in a module; it holds as long as Python has that same module."""

    def load(self, kind: type[T], module: str) -> type[T]:
        """The one concrete subclass of `kind` that the module defines itself; `module:Class` where it defines several.

        Raises FactoryError, with the cause chained, when the module cannot be imported or defines none or several.
        """
        known = self._loaded.get((kind, module))
        if known is not None and sys.modules.get(known[0].__name__) is known[0]:
            return cast("type[T]", known[1])
        name, _, class_name = module.partition(":")
        loaded = self._import(kind, module, name)
        found = {
            candidate.__name__: candidate
            for candidate in vars(loaded).values()
            if inspect.isclass(candidate)
            and issubclass(candidate, kind)
            and candidate.__module__ == loaded.__name__
            and not inspect.isabstract(candidate)
            and (not class_name or candidate.__name__ == class_name)
        }
        if len(found) == 1:
            [cls] = found.values()
            self._loaded[kind, module] = loaded, cls
            return cls
        if not found:
            what = f"has no class {class_name!r} that is" if class_name else "defines no class that is"
            where = getattr(loaded, "__file__", None) or "built in"
            raise FactoryError(kind.__name__, module, f"the module ({where}) {what} a concrete {kind.__name__}")
        several = ", ".join(sorted(found))
        raise FactoryError(kind.__name__, module, f"it defines several ({several}); write {name}:{next(iter(found))}")

    def _import(self, kind: type[object], module: str, name: str) -> ModuleType:
        generation = self.generation
        own = generation is not None and name in generation
        try:
            loaded = importlib.import_module(generation.full_name(name) if generation and own else name)
        except ModuleNotFoundError as error:
            missing = self._plain(error.name or "")
            if missing and (name == missing or name.startswith(f"{missing}.")):
                raise FactoryError(kind.__name__, module, f"there is no module {missing!r}") from error
            why = f"it needs the module {missing!r}, {_missing()}{self._place(error)}"
            raise FactoryError(kind.__name__, module, why) from error
        except (Exception, SystemExit) as error:
            raise FactoryError(kind.__name__, module, self._told(error, "on import")) from error
        if generation and not own and is_of_generation(loaded):
            raise FactoryError(kind.__name__, module, f"there is no module {name!r} any more")
        return loaded

    def _told(self, error: BaseException, when: str) -> str:
        """Type, text and place of what a plug-in raised."""
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        return f"{type(error).__name__} {when}: {self._plain(text)}{self._place(error)}"

    def _plain(self, text: str) -> str:
        return text if self.generation is None else text.replace(f"{self.generation.package}.", "")

    def _place(self, error: BaseException) -> str:
        """Where in the folder's files it was raised: " (plugins/orders.py, line 3)"."""
        if self.generation is None:
            return ""
        places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError):
            places.append((error.filename or "", error.lineno))
        folder = self.generation.folder
        inside = [(Path(file), line) for file, line in places if folder in Path(file).parents]
        return f" ({inside[-1][0].relative_to(folder.parent)}, line {inside[-1][1]})" if inside else ""

    def create(self, kind: type[T], module: str, *args: Any, **kwargs: Any) -> T:
        """An object of that class, made with these arguments. Raises FactoryError, with the cause chained."""
        cls = self.load(kind, module)
        try:
            return cls(*args, **kwargs)
        except (ValueError, DatabusError) as error:
            raise FactoryError(kind.__name__, module, str(error)) from error
        except (Exception, SystemExit) as error:
            raise FactoryError(kind.__name__, module, self._told(error, "on creation")) from error

    def available(self, kind: type[object]) -> list[str]:
        """Modules that offer a class of the kind: the supplied ones, the plug-in folder's, installed packages'.

        A module that cannot be loaded is left out: `load` says why.
        """
        names = [*supplied_modules(), *self._folder_modules()]
        names += [entry_point.value for entry_point in entry_points(group=ENTRY_POINT_GROUP)]
        return [name for name in dict.fromkeys(names) if self._offers(kind, name)]

    def _folder_modules(self) -> list[str]:
        """The generation's, and what in the folder is left to Python."""
        if self.generation is None:
            return []
        others = (n for n in _modules_in(self.generation.folder) if n.partition(".")[0] not in self.generation)
        return [*self.generation.modules(), *others]

    def _offers(self, kind: type[object], module: str) -> bool:
        try:
            self.load(kind, module)
        except FactoryError:
            return False
        return True


def _missing() -> str:
    """Where a module was looked for: the packaged program does not have all that Python has, such as tkinter."""
    if getattr(sys, "frozen", False):
        return f"which is neither in this packaged program nor in the folder {PLUGIN_FOLDER}"
    return "which is missing"


def _modules_in(folder: Path, prefix: str = "") -> Iterator[str]:
    """Names of every module below a folder; none of them is imported."""
    for module in pkgutil.iter_modules([str(folder)], prefix):
        yield module.name
        if module.ispkg:
            yield from _modules_in(folder / module.name.removeprefix(prefix), f"{module.name}.")


def supplied_modules() -> list[str]:
    """Names of every module of the supplied connectors and database engines."""
    return [
        module.name
        for package in map(importlib.import_module, SUPPLIED_PACKAGES)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
