"""From a module's name to an object of a kind, and what modules there are."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from databus_core.errors import DatabusError, FactoryError

T = TypeVar("T")

ENTRY_POINT_GROUP = "databus.plugins"
"""A pip-installed package offers its plug-in modules under this group: `name = "package.module"`."""

SUPPLIED_PACKAGES = ("databus_core.connectors", "databus_core.database")
"""Reached by name only: this layer does not know what is in them."""

PLUGIN_FOLDER = "plugins"
"""Folder beside the ticket whose modules are plug-ins."""


def add_plugin_folder(ticket_folder: Path) -> Path:
    """Put `plugins/` beside the ticket on the path of importable modules; answers the folder, which may not exist."""
    folder = ticket_folder / PLUGIN_FOLDER
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    return folder


class Factory:
    """Makes plug-ins. A ticket may name another module whose class `Factory` serves a kind."""

    def __init__(self, plugin_folder: Path | None = None) -> None:
        self._plugin_folder = plugin_folder

    def load(self, kind: type[T], module: str) -> type[T]:
        """The one concrete subclass of `kind` that the module defines itself; `module:Class` where it defines several.

        Raises FactoryError, with the cause chained, when the module cannot be imported or defines none or several.
        """
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
            return next(iter(found.values()))
        if not found:
            what = f"has no class {class_name!r} that is" if class_name else "defines no class that is"
            where = getattr(loaded, "__file__", None) or "built in"
            raise FactoryError(kind.__name__, module, f"the module ({where}) {what} a concrete {kind.__name__}")
        several = ", ".join(sorted(found))
        raise FactoryError(kind.__name__, module, f"it defines several ({several}); write {name}:{next(iter(found))}")

    def _import(self, kind: type[object], module: str, name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise FactoryError(kind.__name__, module, f"there is no module {error.name!r}") from error
            raise FactoryError(
                kind.__name__, module, f"it needs the module {error.name!r}, which is missing"
            ) from error
        except (Exception, SystemExit) as error:
            raise FactoryError(kind.__name__, module, f"{type(error).__name__} on import: {error}") from error

    def create(self, kind: type[T], module: str, *args: Any, **kwargs: Any) -> T:
        """An object of that class, made with these arguments. Raises FactoryError, with the cause chained."""
        cls = self.load(kind, module)
        try:
            return cls(*args, **kwargs)
        except (ValueError, DatabusError) as error:
            raise FactoryError(kind.__name__, module, str(error)) from error
        except (Exception, SystemExit) as error:
            raise FactoryError(kind.__name__, module, f"{type(error).__name__} on creation: {error}") from error

    def available(self, kind: type[object]) -> list[str]:
        """Modules that offer a class of the kind: the supplied ones, the plug-in folder's, installed packages'.

        A module that cannot be loaded is left out: `load` says why.
        """
        names = [*supplied_modules(), *self._folder_modules()]
        names += [entry_point.value for entry_point in entry_points(group=ENTRY_POINT_GROUP)]
        return [name for name in dict.fromkeys(names) if self._offers(kind, name)]

    def _folder_modules(self) -> list[str]:
        if self._plugin_folder is None or not self._plugin_folder.is_dir():
            return []
        return [module.name for module in pkgutil.walk_packages([str(self._plugin_folder)], onerror=_pass_over)]

    def _offers(self, kind: type[object], module: str) -> bool:
        try:
            self.load(kind, module)
        except FactoryError:
            return False
        return True


def _pass_over(_package: str) -> None:
    """A package that raises when it is imported offers nothing; `load` says why."""


def supplied_modules() -> list[str]:
    """Names of every module of the supplied connectors and database engines."""
    return [
        module.name
        for package in map(importlib.import_module, SUPPLIED_PACKAGES)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
