"""From a module's name to an object of a kind."""

import sys
from pathlib import Path

import pytest

from databus_core import Passenger, Processor, Puller
from databus_core.errors import FactoryError
from databus_core.model.log import Log
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory, add_plugin_folder
from databus_core.plugins.plugin import PluginContext

ONE = "from databus_core import Processor\nclass Upper(Processor):\n    def process(self, passenger): ...\n"


@pytest.fixture
def folder(tmp_path: Path):
    (tmp_path / "plugins").mkdir()
    before = set(sys.modules)
    yield add_plugin_folder(tmp_path)
    sys.path.remove(str(tmp_path / "plugins"))
    for name in set(sys.modules) - before:
        del sys.modules[name]


def context(folder: Path, **arguments: object) -> PluginContext:
    return PluginContext(log=Log("c", "p").of("m"), folder=folder, module="m", arguments=arguments)


def test_a_plugin_in_the_folder_is_made_and_offered(folder: Path):
    (folder / "fac_one.py").write_text(ONE)
    made = Factory().create(Processor, "fac_one", context(folder))
    assert type(made).__name__ == "Upper"
    assert "fac_one" in Factory(folder).available(Processor)
    assert "fac_one" not in Factory(folder).available(Puller)


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
