"""Plug-ins that change while a dispatcher runs: what the next trips get, and what goes on when they are broken."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from databus_core import Dispatcher, DispatcherObserver, DispatcherTicket, Log
from databus_core.plugins.pusher import Pusher
from tests.core.test_isolation import children
from tests.support.program import in_process, running
from tests.support.renewed import CLIENT, PULLER, configure, helper, pushed, pusher, route, ticket_in, write
from tests.support.waiting import until

BOTH = pytest.mark.parametrize("isolation", ["thread", "process"])


class Ear(DispatcherObserver):
    """Hears what is said of plug-ins, and what failed."""

    def __init__(self) -> None:
        self.plugins: list[tuple[list[str], list[str]]] = []
        self.failures: list[str] = []

    def plugins_changed(self, files: Sequence[str], problems: Sequence[str]) -> None:
        self.plugins.append((list(files), list(problems)))

    def failed(self, message: str) -> None:
        self.failures.append(message)


class Driving:
    """A dispatcher that is paused: each trip is made by the test's word."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.dispatchers: list[Dispatcher] = []

    async def start(self, ticket: DispatcherTicket) -> Dispatcher:
        dispatcher = Dispatcher(ticket, self.ear)
        self.dispatchers.append(dispatcher)
        await dispatcher.start(paused=True)
        return dispatcher

    async def drive(self, name: str = "orders") -> Log:
        return await self.dispatchers[-1].drive(CLIENT, name)


@pytest.fixture
async def driving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driving]:
    monkeypatch.setattr(sys, "path", list(sys.path))  # else the plug-ins of earlier tests would be found
    driving = Driving()
    yield driving
    for dispatcher in driving.dispatchers:
        await dispatcher.shut_down(leave=True)


# What works ---------------------------------------------------------------------------------------------------------


@BOTH
async def test_the_next_trip_has_what_was_saved(tmp_path: Path, driving: Driving, isolation: str) -> None:
    dispatcher = await driving.start(ticket_in(tmp_path, route(isolation=isolation)))
    await driving.drive()
    write(tmp_path, "my_pusher.py", pusher(2))
    await driving.drive()
    write(tmp_path, "helper.py", helper(2))
    await driving.drive()
    assert pushed(tmp_path) == [
        "orders pusher 1, helper 1",
        "orders pusher 2, helper 1",
        "orders pusher 2, helper 2",
    ]
    assert driving.ear.plugins == [(["my_pusher.py"], []), (["helper.py"], [])]
    assert dispatcher.plugin_problems == []
    audit = await dispatcher.read(lambda storage: storage.database.audit_rows("root").rows)
    told = [(record.who, record.what, record.on) for record in audit if record.who == "plugins"]
    assert sorted(told) == [
        ("plugins", "renewed plug-ins", "helper.py"),
        ("plugins", "renewed plug-ins", "my_pusher.py"),
    ]


async def test_a_change_is_noticed_without_a_trip(tmp_path: Path, driving: Driving) -> None:
    await driving.start(ticket_in(tmp_path, route()))
    write(tmp_path, "my_pusher.py", pusher(2))
    await until(lambda: driving.ear.plugins)
    assert driving.ear.plugins == [(["my_pusher.py"], [])]


async def test_two_edits_of_one_size_in_the_same_moment_are_two(tmp_path: Path, driving: Driving) -> None:
    await driving.start(ticket_in(tmp_path, route(isolation="thread")))
    moment = (tmp_path / "plugins" / "my_pusher.py").stat().st_mtime_ns
    for version in (1, 2, 3, 4):
        write(tmp_path, "my_pusher.py", pusher(version))
        os.utime(tmp_path / "plugins" / "my_pusher.py", ns=(moment, moment))
        await driving.drive()
    assert pushed(tmp_path) == [f"orders pusher {version}, helper 1" for version in (1, 2, 3, 4)]
    assert not (tmp_path / "plugins" / "__pycache__").is_dir()


async def test_a_module_that_is_saved_as_before_changes_nothing(tmp_path: Path, driving: Driving) -> None:
    await driving.start(ticket_in(tmp_path, route(isolation="thread")))
    write(tmp_path, "my_pusher.py", pusher(1))
    await driving.drive()
    assert driving.ear.plugins == []


async def test_a_new_file_is_offered(tmp_path: Path, driving: Driving) -> None:
    dispatcher = await driving.start(ticket_in(tmp_path, route()))
    assert "package.other" not in dispatcher.factory.available(Pusher)
    write(tmp_path, "package/__init__.py", "")
    write(tmp_path, "package/other.py", pusher(7))
    await until(lambda: driving.ear.plugins)
    assert "package.other" in dispatcher.factory.available(Pusher)
    configure(tmp_path, route(module="package.other", isolation="thread"))
    await driving.drive()
    assert pushed(tmp_path) == ["orders pusher 7, helper 1"]


async def test_a_folder_that_is_made_later_is_noticed(tmp_path: Path, driving: Driving) -> None:
    ticket = ticket_in(tmp_path, route(isolation="thread"))
    (tmp_path / "plugins").rename(tmp_path / "elsewhere")
    await driving.start(ticket)
    assert (await driving.drive()).has_errors
    (tmp_path / "elsewhere").rename(tmp_path / "plugins")
    assert not (await driving.drive()).has_errors
    assert pushed(tmp_path) == ["orders pusher 1, helper 1"]


async def test_passengers_of_earlier_trips_get_the_new_class(tmp_path: Path, driving: Driving) -> None:
    source = "from databus_core import Passenger\nclass Order(Passenger):\n    kind = {}\n"
    told = pusher(1).replace("pusher 1", "passenger {passenger.kind}")
    ticket = ticket_in(tmp_path, route(module="kind_pusher", isolation="thread") | {"module": "order"})
    write(tmp_path, "order.py", source.format(1))
    write(tmp_path, "my_puller.py", PULLER.replace("Passenger(", "self.context.passenger_class("))
    write(tmp_path, "kind_pusher.py", told.replace("with", "if passenger.kind == 1: raise OSError\n        with"))
    await driving.start(ticket)
    await driving.drive()
    assert pushed(tmp_path) == []
    write(tmp_path, "order.py", source.format(2))
    await driving.drive()
    assert pushed(tmp_path) == ["orders passenger 2, helper 1"] * 2


# What is under way --------------------------------------------------------------------------------------------------

SLOW = """
import time
from databus_core import Pusher
class Slow(Pusher):
    def push(self, passenger):
        folder = self.context.folder
        (folder / "begun").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        import helper
        from package import late
        with (folder / "pushed.txt").open("a") as file:
            file.write(f"pusher VERSION, {helper.VERSION}, {late.VERSION}\\n")
"""


@BOTH
async def test_a_trip_under_way_goes_on_with_all_it_began_with(
    tmp_path: Path, driving: Driving, isolation: str
) -> None:
    def write_all(version: int) -> None:
        write(tmp_path, "slow.py", SLOW.replace("VERSION,", f"{version},"))
        write(tmp_path, "helper.py", helper(version))
        write(tmp_path, "package/__init__.py", "")
        write(
            tmp_path,
            "package/late.py",
            f"from helper import VERSION as OF_HELPER\nVERSION = 'late {version} ' + OF_HELPER\n",
        )

    ticket = ticket_in(tmp_path, route(pushers=["slow"], isolation=isolation))
    write_all(1)
    await driving.start(ticket)
    first = asyncio.create_task(driving.drive())
    await until((tmp_path / "begun").exists, 30)
    write_all(2)
    await until(lambda: driving.ear.plugins, 30)
    (tmp_path / "go").touch()
    await first
    await driving.drive()
    assert pushed(tmp_path) == [f"pusher {n}, helper {n}, late {n} helper {n}" for n in (1, 2)]
    if isolation == "process":
        assert len(children()) == 1, "the one of the first trip is not used again"


async def test_what_nobody_uses_any_more_is_forgotten(tmp_path: Path, driving: Driving) -> None:
    await driving.start(ticket_in(tmp_path, route(isolation="thread")))
    for version in (1, 2, 3):
        write(tmp_path, "my_pusher.py", pusher(version))
        await driving.drive()
    gc.collect()
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    assert files.count(str(tmp_path / "plugins" / "my_pusher.py")) == 1


async def test_what_a_plug_in_pickled_is_read_by_its_next_version(tmp_path: Path, driving: Driving) -> None:
    source = (
        pusher(1)
        .replace("import helper", "import pickle, helper\nclass State:\n    number = 0")
        .replace(
            "        with (",
            "        file = self.context.folder / 'state'\n"
            "        state = pickle.loads(file.read_bytes()) if file.exists() else State()\n"
            "        assert type(state) is State\n"
            "        state.number += 1\n"
            "        file.write_bytes(pickle.dumps(state))\n"
            "        with (",
        )
        .replace("pusher 1", "1 {state.number}")
    )
    ticket = ticket_in(tmp_path, route(isolation="thread"))
    for version in (1, 2):
        write(
            tmp_path,
            "my_pusher.py",
            source.replace("pusher 1", "pusher").replace("VERSION", "VERSION") + f"# {version}\n",
        )
        if version == 1:
            await driving.start(ticket)
        log = await driving.drive()
        assert not log.has_errors, [entry.message for entry in log.errors]
        gc.collect()
    assert pushed(tmp_path) == ["orders 1 1, helper 1", "orders 1 2, helper 1"]


# What is broken -----------------------------------------------------------------------------------------------------

BROKEN = {
    "syntax": (pusher(2) + "def f(:\n", "SyntaxError on import: invalid syntax (plugins/my_pusher.py, line 10)"),
    "half written": (pusher(2)[:120], "Error on import: "),
    "missing module": (
        "import not_there\n" + pusher(2),
        "needs the module 'not_there', which is missing (plugins/my_pusher.py, line 1)",
    ),
    "missing name": (
        "from helper import nothing\n" + pusher(2),
        "ImportError on import: cannot import name 'nothing' from 'helper'",
    ),
    "raises": (pusher(2) + "1 / 0\n", "ZeroDivisionError on import: division by zero (plugins/my_pusher.py, line 10)"),
    "no class": ("import helper\n", "defines no class that is a concrete Pusher"),
    "two classes": (pusher(2) + pusher(2).replace("IntoFile", "Another"), "it defines several (Another, IntoFile)"),
    "constructor": (
        pusher(2) + "    def __init__(self, context):\n        raise KeyError('url')\n",
        "KeyError on creation: 'url' (plugins/my_pusher.py, line 11)",
    ),
    "arguments": (pusher(2).replace("name: str", "name: int"), "argument name: 'orders' is not allowed"),
    "crashes": (
        "import os; os._exit(3)\n" + pusher(2),
        "Making my_pusher failed: its process ended itself with exit code 3",
    ),
    "gone": ("", "there is no module 'my_pusher'"),
}


@BOTH
@pytest.mark.parametrize("how", BROKEN)
async def test_a_broken_one_leaves_the_last_good_one_running_and_says_so(
    tmp_path: Path, driving: Driving, isolation: str, how: str
) -> None:
    source, words = BROKEN[how]
    dispatcher = await driving.start(ticket_in(tmp_path, route(isolation=isolation)))
    if source:
        write(tmp_path, "my_pusher.py", source)
    else:
        (tmp_path / "plugins" / "my_pusher.py").unlink()
    for _ in range(2):
        log = await driving.drive()
        assert not log.has_errors, [entry.message for entry in log.errors]
    assert pushed(tmp_path) == ["orders pusher 1, helper 1"] * 2
    [(files, [problem])] = driving.ear.plugins
    assert files == ["my_pusher.py"]
    assert problem.startswith("demo / orders: ")
    assert words in problem
    assert problem.endswith("The last good version goes on.")
    assert dispatcher.plugin_problems == [problem]
    write(tmp_path, "my_pusher.py", pusher(3))
    await driving.drive()
    assert pushed(tmp_path)[2:] == ["orders pusher 3, helper 1"]
    assert driving.ear.plugins[1:] == [(["my_pusher.py"], [])]
    assert dispatcher.plugin_problems == []


async def test_a_child_that_is_started_later_has_the_last_good_one(tmp_path: Path, driving: Driving) -> None:
    await driving.start(ticket_in(tmp_path, route(isolation="process")))
    await driving.drive()
    (child,) = children()
    write(tmp_path, "helper.py", "VERSION = \n")
    os.kill(child, signal.SIGKILL)
    await driving.drive()
    assert pushed(tmp_path) == ["orders pusher 1, helper 1"] * 2
    assert children() != [child]
    assert "(plugins/helper.py, line 1)" in driving.ear.plugins[0][1][0]


@BOTH
async def test_only_who_needs_what_is_broken_stays_behind(tmp_path: Path, driving: Driving, isolation: str) -> None:
    ticket = ticket_in(tmp_path, route(isolation=isolation), route("mails", "mailer", isolation=isolation))
    write(tmp_path, "mailer.py", pusher(1))
    await driving.start(ticket)
    write(tmp_path, "my_pusher.py", "broken(")
    write(tmp_path, "helper.py", helper(2))
    await driving.drive()
    await driving.drive("mails")
    write(tmp_path, "mailer.py", pusher(3))
    await driving.drive()
    await driving.drive("mails")
    assert pushed(tmp_path) == [
        "orders pusher 1, helper 1",
        "mails pusher 1, helper 2",
        "orders pusher 1, helper 1",
        "mails pusher 3, helper 2",
    ]


async def test_what_the_configuration_makes_fit_is_taken(tmp_path: Path, driving: Driving) -> None:
    await driving.start(ticket_in(tmp_path, route(isolation="thread")))
    write(tmp_path, "my_pusher.py", pusher(2).replace("name: str", "name: str\n        colour: str"))
    await driving.drive()
    fitting = route(isolation="thread")
    fitting["pushers"][0]["arguments"]["colour"] = "red"
    configure(tmp_path, fitting)
    await driving.drive()
    assert pushed(tmp_path) == ["orders pusher 1, helper 1", "orders pusher 2, helper 1"]
    assert [problems for _, problems in driving.ear.plugins][1:] == [[]]


async def test_what_never_worked_holds_nothing_back(tmp_path: Path, driving: Driving) -> None:
    ticket = ticket_in(tmp_path, route(isolation="thread", processors=["not_there"]))
    write(tmp_path, "my_puller.py", "broken(")
    await driving.start(ticket)
    log = await driving.drive()
    assert any(
        "there is no module 'not_there'" in entry.message or "SyntaxError" in entry.message for entry in log.errors
    )
    write(tmp_path, "my_puller.py", PULLER)
    await driving.drive()
    assert driving.ear.plugins == [(["my_puller.py"], [])]


async def test_a_change_of_the_ticket_keeps_the_last_good_one(tmp_path: Path, driving: Driving) -> None:
    ticket = ticket_in(tmp_path, route(isolation="thread"))
    dispatcher = await driving.start(ticket)
    write(tmp_path, "my_pusher.py", "broken(")
    await driving.drive()
    await dispatcher.apply(ticket.model_copy(update={"drivers_at_once": 3}))
    await driving.drive()
    assert pushed(tmp_path) == ["orders pusher 1, helper 1"] * 2


OBSERVER = "from databus_core import DispatcherObserver\nimport wording\nclass Mine(DispatcherObserver): ...\n"


async def test_an_observer_goes_on_until_the_next_start_and_that_is_said(tmp_path: Path, driving: Driving) -> None:
    ticket = ticket_in(tmp_path, route(), dispatcher_observer="my_observer")
    write(tmp_path, "my_observer.py", OBSERVER)
    write(tmp_path, "wording.py", "WORD = 1\n")
    dispatcher = await driving.start(ticket)
    write(tmp_path, "wording.py", "WORD = 2\n")
    await until(lambda: driving.ear.plugins)
    [(files, [problem])] = driving.ear.plugins
    assert files == ["wording.py"]
    assert problem.startswith("plugins/wording.py changed, which the ticket's dispatcher_observer needs: ")
    assert "renewed when it starts next" in problem
    await dispatcher.shut_down()
    await dispatcher.start(paused=True)
    await driving.drive()
    assert dispatcher.plugin_problems == []


async def test_an_observer_that_knows_nothing_of_plug_ins_is_told_of_a_failure(
    tmp_path: Path, driving: Driving
) -> None:
    class Old(DispatcherObserver):
        def __init__(self) -> None:
            self.heard: list[str] = []

        def failed(self, message: str) -> None:
            self.heard.append(message)

    old = Old()
    dispatcher = await driving.start(ticket_in(tmp_path, route()))
    dispatcher.add_observer(old)
    write(tmp_path, "helper.py", "broken(")
    await until(lambda: old.heard)
    assert "SyntaxError" in old.heard[0]
    write(tmp_path, "helper.py", helper(2))
    await until(lambda: len(driving.ear.plugins) == 2)
    assert len(old.heard) == 1


# What is not renewed ------------------------------------------------------------------------------------------------


async def test_what_pip_installed_in_the_folder_is_imported_once(tmp_path: Path, driving: Driving) -> None:
    ticket = ticket_in(tmp_path, route(isolation="process"))
    write(tmp_path, "helper.py", "from installed_thing import VERSION\n")
    write(tmp_path, "installed_thing/__init__.py", "import os\nVERSION = f'{__name__} {os.getpid()}'\n")
    write(tmp_path, "installed_thing-1.0.dist-info/RECORD", "installed_thing/__init__.py,,\n")
    write(tmp_path, "installed_thing-1.0.dist-info/METADATA", "Name: installed_thing\nVersion: 1.0\n")
    await driving.start(ticket)
    await driving.drive()
    write(tmp_path, "installed_thing/__init__.py", "broken(")
    await driving.drive()
    first, second = pushed(tmp_path)
    assert first == second
    assert "installed_thing " in first
    assert driving.ear.plugins == []


# On the terminal ----------------------------------------------------------------------------------------------------


def test_the_terminal_tells_what_changed_and_what_is_broken(tmp_path: Path) -> None:
    ticket_in(tmp_path, route())
    with running(tmp_path, "run", "--safe") as process:  # no trip tells anything between
        assert process.stdout is not None
        assert process.stderr is not None
        assert "is open" in process.stdout.readline()
        write(tmp_path, "my_pusher.py", pusher(2))
        assert process.stdout.readline().endswith(" plug-ins renewed: my_pusher.py\n")
        write(tmp_path, "my_pusher.py", "1 / 0")
        assert process.stdout.readline().endswith(" changed in the plug-in folder: my_pusher.py\n")
        assert "division by zero (plugins/my_pusher.py, line 1). The last good" in process.stderr.readline()
        checked = in_process(tmp_path, "check")
        assert checked.exit_code == 2
        assert "division by zero (plugins/my_pusher.py, line 1)" in checked.stdout + checked.stderr
