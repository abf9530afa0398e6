"""From a module's name to an object of a kind, and what modules there are."""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from databus_core.errors import DatabusError, FactoryError

T = TypeVar("T")

ENTRY_POINT_GROUP = "databus.plugins"
"""A pip-installed package offers its plug-in modules under this group: `name = "package.module"`."""

SUPPLIED_PACKAGES = ("databus_core.connectors", "databus_core.database")
"""Reached by name only: this layer does not know what is in them."""

PLUGIN_FOLDER = "plugins"
"""Folder beside the ticket whose modules are plug-ins."""

_PACKAGE = "databus_plugins_"
"""Begins the name of a package that stands for a plug-in folder."""


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
        try:
            return importlib.import_module(self._importable(name))
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise FactoryError(kind.__name__, module, f"there is no module {error.name!r}") from error
            raise FactoryError(kind.__name__, module, f"it needs the module {error.name!r}, {_missing()}") from error
        except (Exception, SystemExit) as error:
            raise FactoryError(kind.__name__, module, f"{type(error).__name__} on import: {error}") from error

    def _importable(self, name: str) -> str:
        """The name to import: the plug-in folder's own module comes first, also when Python has one of its name.

        Such a module is imported below a package that stands for the folder: everybody else goes on importing
        Python's, whose name it leaves alone.
        """
        if self._plugin_folder is None:
            return name
        own = _specs(name, str(self._plugin_folder))
        if not own or own[-1].origin is None or _is_what_python_imports(own[0]):
            return name
        return f"{_package_of(self._plugin_folder)}.{name}"

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
        return list(_modules_in(self._plugin_folder)) if self._plugin_folder is not None else []

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


def module_of(cls: type[object]) -> str:
    """The name by which a factory finds the module that defines a class, whatever it was imported as."""
    return re.sub(rf"^{_PACKAGE}\w+\.", "", cls.__module__)


def _modules_in(folder: Path, prefix: str = "") -> Iterator[str]:
    """Names of every module below a folder; none of them is imported."""
    for module in pkgutil.iter_modules([str(folder)], prefix):
        yield module.name
        if module.ispkg:
            yield from _modules_in(folder / module.name.removeprefix(prefix), f"{module.name}.")


def _specs(name: str, folder: str) -> list[ModuleSpec]:
    """What the folder has under a dotted name, a spec for each of its parts; empty when it has no such module."""
    specs: list[ModuleSpec] = []
    path: Iterable[str] = [folder]
    parts = name.split(".")
    for number in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:number]), list(path))
        if spec is None:
            return []
        specs.append(spec)
        path = spec.submodule_search_locations or ()
    return specs


def _is_what_python_imports(own: ModuleSpec) -> bool:
    loaded = sys.modules.get(own.name)
    found = loaded.__spec__ if loaded is not None else importlib.util.find_spec(own.name)
    return found is not None and found.origin == own.origin


def _package_of(folder: Path) -> str:
    """Name of a package whose modules are the folder's; it is made when it is needed first."""
    name = f"{_PACKAGE}{blake2b(str(folder).encode(), digest_size=8).hexdigest()}"
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    return name


def supplied_modules() -> list[str]:
    """Names of every module of the supplied connectors and database engines."""
    return [
        module.name
        for package in map(importlib.import_module, SUPPLIED_PACKAGES)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
