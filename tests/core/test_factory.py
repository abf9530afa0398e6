"""From a module's name to an object of a kind."""

import calendar
import importlib
import inspect
import py_compile
import re
import sys
from pathlib import Path

import pytest

from databus_core import Passenger, Processor, Puller
from databus_core.engine.retry import is_permanent
from databus_core.errors import FactoryError
from databus_core.model.log import Log
from databus_core.model.policies import RetryPolicy
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory, supplied_modules
from databus_core.plugins.generation import Generation, module_of
from databus_core.plugins.plugin import PluginContext
from databus_core.plugins.plugin_folder import PluginFolder, add_plugin_folder

ONE = "from databus_core import Processor\nclass Upper(Processor):\n    def process(self, passenger): ...\n"


@pytest.fixture
def folder(tmp_path: Path):
    (tmp_path / "plugins").mkdir()
    supplied_modules()  # what it imports stays: some of it cannot be imported twice
    before = set(sys.modules)
    yield add_plugin_folder(tmp_path)
    sys.path.remove(str(tmp_path / "plugins"))
    for name in set(sys.modules) - before:
        del sys.modules[name]


def read(folder: Path) -> Generation:
    """What is in the folder, in force."""
    generation = PluginFolder(folder).read()
    generation.put_in_force()
    return generation


def context(folder: Path, **arguments: object) -> PluginContext:
    return PluginContext(log=Log("c", "p").of("m"), folder=folder, module="m", arguments=arguments)


def test_a_plugin_in_the_folder_is_made_and_offered(folder: Path):
    (folder / "fac_one.py").write_text(ONE)
    made = Factory().create(Processor, "fac_one", context(folder))
    assert type(made).__name__ == "Upper"
    assert "fac_one" in Factory(read(folder)).available(Processor)
    assert "fac_one" not in Factory(read(folder)).available(Puller)


PLAIN = "from databus_core import Passenger, Processor, Puller\n"


def test_the_folders_own_plugin_comes_before_a_module_of_its_name_which_others_still_get(folder: Path):
    (folder / "calendar.py").write_text(ONE + "import calendar\nSATURDAY = calendar.SATURDAY\n")
    factory = Factory(read(folder))
    made = factory.load(Processor, "calendar")
    assert inspect.getfile(made) == str(folder / "calendar.py")
    assert factory.load(Processor, "calendar:Upper") is made
    assert sys.modules[made.__module__].SATURDAY == calendar.SATURDAY
    assert importlib.import_module("calendar") is calendar
    assert module_of(made) == "calendar"
    assert "calendar" in factory.available(Processor)
    with pytest.raises(FactoryError, match=re.escape(str(folder / "calendar.py"))):
        factory.load(Puller, "calendar")


def test_a_module_that_is_imported_only_later_is_not_shadowed(folder: Path):
    (folder / "colorsys.py").write_text(ONE)
    sys.modules.pop("colorsys", None)
    assert inspect.getfile(Factory(read(folder)).load(Processor, "colorsys")) == str(folder / "colorsys.py")
    assert importlib.import_module("colorsys").rgb_to_hsv


@pytest.mark.parametrize("init", [True, False])
def test_a_package_of_the_folder_comes_before_one_of_its_name(folder: Path, init: bool):
    (folder / "email/parts").mkdir(parents=True)
    if init:
        (folder / "email/__init__.py").write_text(ONE + "from .parts.upper import Lower\n")
    (folder / "email/parts/upper.py").write_text("import email.message\n" + ONE.replace("Upper", "Lower"))
    factory = Factory(read(folder))
    lower = factory.load(Processor, "email.parts.upper")
    assert (lower.__name__, module_of(lower)) == ("Lower", "email.parts.upper")
    assert importlib.import_module("email.message").Message
    if init:
        assert factory.load(Processor, "email").__name__ == "Upper"
        assert "email" in factory.available(Processor)
    with pytest.raises(FactoryError, match=r"no module 'email\.nothing'"):
        factory.load(Processor, "email.nothing")


def test_plugins_of_one_folder_import_each_other_and_are_the_same_for_the_factory(folder: Path):
    (folder / "fac_order.py").write_text(PLAIN + "class Order(Passenger): ...\n")
    (folder / "queue.py").write_text(
        PLAIN + "from fac_order import Order\nfrom .secrets import Lower\nclass Upper(Lower): kind = Order\n"
    )
    (folder / "secrets.py").write_text(ONE.replace("Upper", "Lower"))
    factory = Factory(read(folder))
    upper = factory.load(Processor, "queue")
    assert vars(upper)["kind"] is factory.load(Passenger, "fac_order")
    assert upper.__mro__[1] is factory.load(Processor, "secrets")


def test_a_plugin_may_use_what_looks_its_module_up(folder: Path):
    """Dataclasses, pydantic and pickle find a class's module by its name, some of them late."""
    (folder / "calendar.py").write_text(
        "from __future__ import annotations\n"
        "import pickle\n"
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "from databus_core import Arguments as Base\n"
        + ONE
        + "    class Arguments(Base):\n        day: Day\n"
        + "    def copied(self): return pickle.loads(pickle.dumps(Line(3)))\n"
        + "@dataclass\nclass Line:\n    number: int\n    KIND: ClassVar[str] = 'x'\n"
        + "class Day(Base):\n    number: int\n"
    )
    made = Factory(read(folder)).create(Processor, "calendar", context(folder, day={"number": 3}))
    assert made.arguments.day.number == 3
    assert made.copied().number == 3  # type: ignore[attr-defined]


def test_two_folders_each_have_their_own_plugin_of_one_name(folder: Path, tmp_path: Path):
    other = tmp_path / "other" / "plugins"
    other.mkdir(parents=True)
    for place, name in ((folder, "Upper"), (other, "Lower")):
        (place / "fac_twice.py").write_text(ONE.replace("Upper", name))
    assert Factory(read(folder)).load(Processor, "fac_twice").__name__ == "Upper"
    assert Factory(read(other)).load(Processor, "fac_twice").__name__ == "Lower"
    assert Factory(read(folder)).load(Processor, "fac_twice").__name__ == "Upper"


def test_the_class_must_be_defined_in_the_module_itself(folder: Path):
    (folder / "fac_base.py").write_text(ONE)
    (folder / "fac_importer.py").write_text("from fac_base import Upper\n")
    with pytest.raises(FactoryError, match=r"fac_importer.*defines no class"):
        Factory().load(Processor, "fac_importer")


def test_several_classes_need_a_name(folder: Path):
    (folder / "fac_two.py").write_text(ONE + ONE.replace("Upper", "Lower").split("\n", 1)[1])
    with pytest.raises(FactoryError, match=r"several.*Lower, Upper"):
        Factory().load(Processor, "fac_two")
    assert Factory().load(Processor, "fac_two:Lower").__name__ == "Lower"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_thing_anywhere", "needs the module 'no_such_thing_anywhere'"),
        ("1/0", "ZeroDivisionError on import"),
        ("def f(:", "SyntaxError on import"),
    ],
)
def test_what_goes_wrong_on_import_is_told_and_chained(folder: Path, source: str, why: str):
    (folder / "fac_bad.py").write_text(source)
    with pytest.raises(FactoryError, match=why) as raised:
        Factory().load(Processor, "fac_bad")
    assert raised.value.__cause__ is not None


def test_in_the_packaged_program_it_says_that_a_module_is_not_part_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "fac_needs.py").write_text("import nothing_here")
    with pytest.raises(FactoryError, match="needs the module 'nothing_here', which is missing"):
        Factory().load(Processor, "fac_needs")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(FactoryError, match="'nothing_here', which is neither in this packaged program nor in"):
        Factory().load(Processor, "fac_needs")


def test_a_missing_module_is_named():
    with pytest.raises(FactoryError, match="no module 'nowhere'"):
        Factory().load(Processor, "nowhere.at.all")


def test_a_constructor_that_raises_is_told(folder: Path):
    (folder / "fac_raises.py").write_text(ONE + "    def __init__(self, context):\n        raise KeyError('url')\n")
    with pytest.raises(FactoryError, match="KeyError on creation: 'url'"):
        Factory().create(Processor, "fac_raises", context(folder))


def test_wrong_arguments_are_named(folder: Path):
    (folder / "fac_args.py").write_text(
        "from databus_core import Arguments as Base\n" + ONE + "    class Arguments(Base):\n        size: int = 3\n"
    )
    with pytest.raises(FactoryError, match="argument size: 'big' is not allowed"):
        Factory().create(Processor, "fac_args", context(folder, size="big"))
    with pytest.raises(FactoryError, match="argument sizes: is not known; did you mean 'size'"):
        Factory().create(Processor, "fac_args", context(folder, sizes=1))


def test_the_supplied_parts_are_offered():
    factory = Factory()
    assert "databus_core.database.json_files" in factory.available(Database)
    assert "databus_core.connectors.demo.puller_1" in factory.available(Puller)
    assert "databus_core.connectors.email.passenger" in factory.available(Passenger)


def test_what_is_compiled_is_left_to_python_and_offered(folder: Path):
    (folder / "fac_package").mkdir()
    (folder / "fac_package/__init__.py").write_text("")
    (folder / "fac_source.py").write_text(ONE)
    py_compile.compile(str(folder / "fac_source.py"), cfile=str(folder / "fac_package/fac_compiled.pyc"), doraise=True)
    generation = read(folder)
    assert list(generation.sources) == ["fac_source.py"]
    factory = Factory(generation)
    assert factory.load(Processor, "fac_package.fac_compiled").__module__ == "fac_package.fac_compiled"
    assert {"fac_source", "fac_package.fac_compiled"} <= set(factory.available(Processor))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_that_leads_back_does_not_lead_round_in_circles(folder: Path):
    (folder / "fac_inner").mkdir()
    (folder / "fac_inner/upper.py").write_text(ONE)
    (folder / "fac_inner/back").symlink_to(folder, target_is_directory=True)
    assert list(read(folder).sources) == ["fac_inner/upper.py"]


def test_a_source_that_cannot_be_read_says_so_when_it_is_imported(folder: Path):
    (folder / "fac_locked.py").mkdir()  # as good as a file without the right to read it, and also for root
    with pytest.raises(FactoryError, match=r"ImportError on import: it cannot be read: .*fac_locked"):
        Factory(read(folder)).load(Processor, "fac_locked")


def test_an_exception_of_a_plug_in_has_the_name_that_its_author_knows(folder: Path):
    (folder / "fac_shop.py").write_text(ONE + "class Rejected(Exception): ...\n")
    made = Factory(read(folder)).load(Processor, "fac_shop")
    error = sys.modules[made.__module__].Rejected()
    assert is_permanent(RetryPolicy(permanent=["fac_shop.Rejected"]), error)
