"""The `databus` command: what it prints, to people and to programs, and how it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import Result

from databus_core import Log, LogEntry, Passenger, __version__
from databus_core.model.clock import now
from databus_core.model.holder import Holder
from databus_core.model.log import MessageType
from databus_core.model.missed import Absence, MissedTrips
from tests.support.engines import JSON_FILES
from tests.support.plug_ins import tree
from tests.support.program import answered, databus, in_process, invoke, running, wait_until
from tests.support.stage import Stage, ticket_with

ASKED = """
from databus_core import Processor

class Several(Processor):
    async def problems(self):
        return ["one thing", "another"]
    def process(self, passenger): ...

class Rude(Several):
    def problems(self):
        yield 1 / 0
"""

SHY = """
from databus_core import Passenger, Puller

class Shy(Puller):
    def pull(self):
        return []
"""

COMMANDS = {"run", "drive", "expedite", "export", "new", "check", "queue", "queue-set", "why", "logs", "peek"}
COMMANDS |= {"pause", "resume", "schedule", "missed", "halt", "release"}


@pytest.fixture
def stage() -> Stage:
    return Stage(waiting=["1", "2"])


@pytest.fixture
def folder(tmp_path: Path, stage: Stage) -> Path:
    """A ticket whose client `demo` moves what waits on the stage."""
    ticket_with(tmp_path, root=[], demo=[stage.client_passenger()])
    return tmp_path


def told(checked: Result, *beginnings: str) -> None:
    """These are the problems that a check told, in any order, and it counted them."""
    *problems, count = checked.stderr.splitlines()
    assert checked.exit_code == 2
    assert all(problem.startswith("✗ ") for problem in problems)
    for line, beginning in zip(sorted(problem[2:] for problem in problems), sorted(beginnings), strict=True):
        assert line.startswith(beginning)
    assert count == f"{len(problems)} problem{'s' if len(problems) > 1 else ''}."


@contextmanager
def held(folder: Path) -> Generator[Holder]:
    """The ticket's database, while this process works on it."""
    database = JSON_FILES.make(folder, database_dir=str(folder / "data"))
    holder = Holder("tests")
    database.open(holder)
    yield holder
    database.close()


def test_version() -> None:
    assert invoke("--version").stdout == f"databus {__version__}\n"


def test_every_command_is_in_the_help_and_has_one() -> None:
    listed = invoke("--help").stdout
    for command in COMMANDS:
        assert f" {command} " in listed
        shown = invoke(command, "--help")
        assert shown.exit_code == 0
        assert f"databus {command}" in shown.stdout
        assert command == "new" or "--ticket" in shown.stdout


@pytest.mark.parametrize("demo", [False, True])
def test_a_new_folder_has_a_ticket_that_is_in_order(tmp_path: Path, demo: bool) -> None:
    made = invoke("new", str(tmp_path / "mine"), *(["--demo"] if demo else []))
    assert made.exit_code == 0
    assert str(tmp_path / "mine" / "ticket.json") in made.stdout
    assert (tmp_path / "mine" / "inbox").exists() == demo
    before = tree(tmp_path / "mine")
    checked = in_process(tmp_path / "mine", "check")
    assert checked.exit_code == 0
    assert checked.stdout.endswith("✓ Everything is in order.\n")
    assert tree(tmp_path / "mine") == before


def test_new_leaves_a_folder_alone_that_has_a_ticket(folder: Path) -> None:
    before = tree(folder)
    refused = invoke("new", str(folder), "--demo")
    assert refused.exit_code == 2
    assert "ticket.json: exists already." in refused.stderr
    assert tree(folder) == before


def test_check_lists_every_problem_of_a_ticket(folder: Path) -> None:
    (folder / "ticket.json").write_text('{"drivers_at_once": 0, "colour": "red"}')
    checked = in_process(folder, "check")
    assert checked.exit_code == 2
    told(
        checked,
        f"{folder / 'ticket.json'}: drivers_at_once: 0 is not allowed",
        f"{folder / 'ticket.json'}: colour: is not known",
    )
    assert "There is no database in" in checked.stdout


def test_check_lists_every_module_that_a_ticket_cannot_use_and_goes_on_to_the_clients(tmp_path: Path) -> None:
    file = ticket_with(tmp_path, root=[{"name": "nothing"}]).file
    modules = ("puller_factory", "pusher_factory", "driver_module", "dispatcher_observer")
    external = [["nobody", "prices", "prices.json"], ["root", "hours", "hours.json"]]
    wrong = {"external_config_files": external, "drivers_at_once": True} | {name: f"no.{name}" for name in modules}
    file.write_text(json.dumps(json.loads(file.read_text()) | wrong))
    checked = in_process(tmp_path, "check")
    told(
        checked,
        f"{file}: drivers_at_once: True is not allowed",
        *(f"{file}: {name}: 'no.{name}' is not allowed" for name in modules),
        f"{file}: external_config_files[0].client_id: 'nobody' is not allowed: it is no client; there are: root",
        f"Client root: {tmp_path / 'hours.json'}: there is no such file",
        "Client root, nothing: it has no puller",
    )


def test_check_lists_every_wrong_argument_of_the_database(tmp_path: Path) -> None:
    file = ticket_with(tmp_path, root=[]).file
    file.write_text('{"database_arguments": {"log_extension": "?", "dir": "x"}, "queue_factory": "no.such"}')
    told(
        in_process(tmp_path, "check"),
        f"{file}: queue_factory: 'no.such' is not allowed",
        f"{file}: database_arguments.log_extension: '?' is not allowed",
        f"{file}: database_arguments.dir: is not known",
    )


@pytest.mark.parametrize("words", [("run",), ("run", "--once"), ("check",), ("queue", "demo")], ids=" ".join)
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"databse_dir": "x"}, "database_arguments.databse_dir: is not known; did you mean 'database_dir'?"),
        ({"database_dir": "ticket.json"}, "database_arguments.database_dir: '{}/ticket.json' cannot be made: "),
    ],
    ids=["unknown", "unmakeable"],
)
def test_a_wrong_argument_of_the_database_is_named_with_its_ticket(
    tmp_path: Path, words: tuple[str, ...], arguments: dict[str, str], told: str
) -> None:
    (tmp_path / "ticket.json").write_text(json.dumps({"database_arguments": arguments}))
    refused = in_process(tmp_path, *words)
    assert refused.exit_code == 2
    assert f"{tmp_path / 'ticket.json'}: {told.format(tmp_path)}" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize("command", ["run", "check"])
def test_two_tickets_are_one_too_many(folder: Path, command: str) -> None:
    refused = in_process(folder, command, "other.json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Two tickets are named, other.json and " in refused.stderr


def test_once_says_that_nothing_travels(tmp_path: Path) -> None:
    ticket_with(tmp_path, root=[])
    driven = in_process(tmp_path, "run", "--once")
    assert (driven.exit_code, driven.stdout) == (0, "Nothing travels: no client has a passenger that can be driven.\n")


def test_a_refusal_says_since_when_and_does_not_say_that_it_runs(folder: Path) -> None:
    with held(folder) as holder:
        refused = in_process(folder, "run")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"since {holder.since.astimezone():%Y-%m-%dT%H:%M:%S}). Only one" in refused.stderr


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = invoke("new", str(tmp_path / "file" / "folder"))
    assert refused.exit_code == 2
    assert refused.stderr.endswith("folder: cannot be made: Not a directory\n")


def test_check_does_not_look_for_clients_where_the_ticket_does_not_say_where_they_are(tmp_path: Path) -> None:
    file = ticket_with(tmp_path, root=[]).file
    file.write_text('{"database_arguments": "data"}')
    told(in_process(tmp_path, "check"), f"{file}: database_arguments: 'data' is not allowed")


def test_check_counts_each_problem_of_a_document(tmp_path: Path) -> None:
    ticket_with(tmp_path, root=[{"name": "mails", "sync_frequency": 0}, {"pullers": 5}])
    told(
        in_process(tmp_path, "check"),
        "Client root: __databus__: line 1, passengers[0].sync_frequency: 0 is not allowed",
        "Client root: __databus__: line 1, passengers[1].name: is missing",
        "Client root: __databus__: line 1, passengers[1].pullers: 5 is not allowed",
    )


def test_foreign_files_in_the_database_are_no_problem(folder: Path) -> None:
    (folder / "data" / "clients" / "notes.md").write_text("by a person")
    (folder / "data" / "clients" / "my folder").mkdir()
    checked = in_process(folder, "check")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "notes.md' is left alone: it is no folder, so it is no client's." in checked.stdout
    assert "my folder' is left alone: it has none of config.json, pqueue, log in it, so" in checked.stdout
    assert checked.stdout.endswith("✓ Everything is in order.\n")


def test_check_asks_plug_ins_for_problems_and_has_no_effect(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "cli_asked.py").write_text(ASKED)
    puller = {"module": "databus_core.connectors.folder.puller", "arguments": {"folder": "inbox"}}
    mails = {"module": "databus_core.connectors.email.folder_puller", "arguments": {"folder": "mails"}}
    (tmp_path / "mails").write_text("no folder")
    ticket_with(
        tmp_path,
        root=[{"name": "orders", "pullers": [puller, mails], "processors": ["cli_asked:Several", "cli_asked:Rude"]}],
    )
    before = tree(tmp_path / "data")
    told(
        in_process(tmp_path, "check"),
        "Client root, orders: Puller 'databus_core.connectors.folder.puller': "
        f"The folder {tmp_path / 'inbox'} cannot be listed: No such file or directory",
        "Client root, orders: Puller 'databus_core.connectors.email.folder_puller': "
        f"The folder {tmp_path / 'mails'} cannot be listed: Not a directory",
        "Client root, orders: Processor 'cli_asked:Several': one thing",
        "Client root, orders: Processor 'cli_asked:Several': another",
        "Client root, orders: Processor 'cli_asked:Rude' cannot say what problems it has: ZeroDivisionError",
    )
    assert tree(tmp_path / "data") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mails", "plugins", "ticket.json"]


def test_check_lists_every_passenger_that_was_set_aside(folder: Path) -> None:
    places = [folder / "data/clients" / name for name in ("root/damaged/1", "demo/damaged/2", "demo/damaged/3")]
    for place in places:
        place.mkdir(parents=True)
    told(in_process(folder, "check"), *(f"Database: {place}: this passenger was set aside" for place in places))


def test_check_lists_every_problem_of_configurations_and_plug_ins(tmp_path: Path) -> None:
    pusher = {"module": "databus_core.connectors.folder.pusher", "arguments": {"path": "x"}}
    ticket_with(
        tmp_path,
        root=[{"name": "mails", "sync_frequency": 0}],
        acme=[
            {"name": "orders", "module": "no.such.passenger", "pullers": ["no.such.puller"], "pushers": [pusher]},
            {"name": "nothing"},
        ],
    )
    before = tree(tmp_path)
    checked = in_process(tmp_path, "check")
    assert checked.exit_code == 2
    told(
        checked,
        "Client root: __databus__: line 1, passengers[0].sync_frequency: 0 is not allowed",
        "Client acme, orders: Passenger 'no.such.passenger' cannot be used",
        "Client acme, orders: Puller 'no.such.puller' cannot be used",
        "Client acme, orders: Pusher 'databus_core.connectors.folder.pusher': argument folder: is missing",
        "Client acme, orders: Pusher 'databus_core.connectors.folder.pusher': argument path: 'x' is not allowed",
        "Client acme, nothing: it has no puller",
    )
    assert tree(tmp_path) == before


def test_check_tells_what_is_wrong_about_failures(tmp_path: Path, stage: Stage) -> None:
    hasty = stage.client_passenger(
        "orders", retry={"first_wait": "soon"}, pushers=[stage.pusher("crm", rate_limit="9")]
    )
    misplaced = {"module": "databus_core.connectors.demo.processor_1", "rate_limit": "9 / s", "commit": "each"}
    ticket_with(tmp_path, root=[], acme=[hasty], demo=[stage.client_passenger(processors=[misplaced])])
    told(
        in_process(tmp_path, "check"),
        "Client acme: __databus__: line 1, passengers[0].retry.first_wait: 'soon' is no span of time; write",
        "Client acme: __databus__: line 1, passengers[0].pushers[0].rate_limit: '9' is no rate; write it like",
        f"Client demo, orders: Processor '{misplaced['module']}': 'rate_limit' is for pushers only and does",
        f"Client demo, orders: Processor '{misplaced['module']}': 'commit' is for pushers only and does",
    )


def test_one_trip_is_driven_here_and_now(folder: Path, stage: Stage) -> None:
    driven = in_process(folder, "drive", "demo", "orders")
    assert driven.exit_code == 0
    assert driven.stdout.endswith("demo / orders: Trip ends: 2 seated, 4 processed, 4 pushed, 0 steps failed\n")
    assert stage.pushed == [("erp", "1"), ("crm", "1"), ("erp", "2"), ("crm", "2")]


def test_each_line_has_the_time_of_what_it_tells(folder: Path, stage: Stage) -> None:
    def fail_late(role: str, _passenger: Passenger) -> None:
        if role == "erp":
            time.sleep(1.1)
            raise OSError("no way")

    stage.on_push = fail_late
    driven = in_process(folder, "drive", "demo", "orders")
    first, second, end = (
        datetime.fromisoformat(line.split()[0]) for line in (driven.stderr + driven.stdout).splitlines()
    )
    assert first < second <= end


def test_a_trip_with_errors_ends_with_exit_code_1(folder: Path, stage: Stage) -> None:
    stage.on_push = lambda *_: 1 / 0
    for words in (("drive", "demo", "orders"), ("run", "--once")):
        ended = in_process(folder, *words)
        assert ended.exit_code == 1
        assert "ZeroDivisionError" in ended.stderr
        assert "Traceback" not in ended.stderr, "the log has it"


def test_once_drives_every_client_passenger_one_time(tmp_path: Path, stage: Stage) -> None:
    other = Stage(waiting=["9"])
    ticket_with(tmp_path, root=[other.client_passenger()], demo=[stage.client_passenger()])
    assert in_process(tmp_path, "run", "--once").exit_code == 0
    assert (stage.pulls, other.pulls) == (1, 1)
    assert len(other.pushed) == 2


def test_the_queue_is_listed_and_filtered(folder: Path, stage: Stage) -> None:
    stage.on_push = lambda role, passenger: 1 / 0 if passenger.external_id == "2" else None
    in_process(folder, "drive", "demo", "orders")
    (failed,) = answered(folder, "queue", "demo", "--status", "incomplete")
    assert failed["external_id"] == "2"
    assert [step["status"] for step in failed["steps"]] == ["complete"] * 3 + ["incomplete"] * 2
    assert failed["steps"][3]["error"] == "ZeroDivisionError: division by zero"
    assert failed["attachments"][0]["name"] == "order.txt"
    assert answered(folder, "queue", "demo", "--status", "failing") == [failed]
    assert answered(folder, "queue", "demo", "passenger:orders age:<1h", "--status", "failing") == [failed]
    assert answered(folder, "queue", "demo", "status:failing age:>1h") == []
    wrong = in_process(folder, "queue", "demo", "stauts:failed")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "do you mean status: ?" in wrong.stderr
    assert answered(folder, "queue", "demo", "--status", "complete")[0]["external_id"] == "1"
    listed = in_process(folder, "queue", "demo").stdout
    assert listed.endswith("2 passengers\n")
    assert failed["internal_id"] in listed, "it is needed whole for other commands"
    assert "erp: ZeroDivisionError" in listed or "crm: ZeroDivisionError" in listed


def test_the_queue_can_be_read_on_a_terminal(folder: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.on_push = lambda *_: 1 / 0
    in_process(folder, "drive", "demo", "orders")
    ids = [entry["internal_id"] for entry in answered(folder, "queue", "demo")]
    for name, value in {"COLUMNS": "100", "FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    listed = databus(folder, "queue", "demo").stdout.splitlines()
    assert len(listed) == 4, "a line for each, beside the header and the number"
    for line, internal_id in zip(listed[1:3], ids, strict=True):
        assert internal_id in line
        assert line.startswith(f" {now().astimezone():%m-%d}")
        assert "ZeroDivisionError" in line
        assert len(line) <= 100


def test_a_step_is_set_by_the_last_part_of_its_name(tmp_path: Path, stage: Stage) -> None:
    names = ["shop.erp", "shop.crm", "office.crm"]
    ticket_with(tmp_path, root=[], demo=[stage.client_passenger(pushers=names)])
    in_process(tmp_path, "drive", "demo", "orders")
    internal_id = answered(tmp_path, "queue", "demo")[0]["internal_id"]
    assert in_process(tmp_path, "queue-set", "demo", internal_id, "erp", "incomplete").exit_code == 0
    (waiting,) = answered(tmp_path, "queue", "demo", "--status", "incomplete")
    assert [step["name"] for step in waiting["steps"] if step["status"] == "incomplete"] == ["shop.erp"]
    refused = in_process(tmp_path, "queue-set", "demo", internal_id, "crm", "incomplete")
    assert refused.exit_code == 2
    assert "several steps 'crm'; it has shop.crm, office.crm." in refused.stderr


def test_a_step_is_set_by_hand(folder: Path, stage: Stage) -> None:
    in_process(folder, "drive", "demo", "orders")
    internal_id = answered(folder, "queue", "demo")[0]["internal_id"]
    told = in_process(folder, "queue-set", "demo", internal_id, "erp", "incomplete")
    assert (told.exit_code, told.stdout) == (0, f"erp of {internal_id} is incomplete now.\n")
    (waiting,) = answered(folder, "queue", "demo", "--status", "incomplete")
    assert waiting["steps"][3]["note"] == "set by command line"
    in_process(folder, "drive", "demo", "orders")
    assert len(stage.pushed) == 5


def test_space_is_told_by_client_passenger(folder: Path) -> None:
    in_process(folder, "drive", "demo", "orders")
    document = json.loads(in_process(folder, "space", "demo", "--json").stdout)
    taken = document["clients"]["demo"]["orders"]
    assert taken["complete"] > 0
    assert taken["logs"] > 0
    assert document["whole"] >= sum(taken.values())
    shown = in_process(folder, "space").stdout
    assert "orders" in shown
    assert "The whole database in" in shown
    assert "no client 'nobody'" in in_process(folder, "space", "nobody").stderr


def test_what_was_done_by_hand_is_listed(folder: Path, stage: Stage) -> None:
    in_process(folder, "drive", "demo", "orders")
    (first, *_) = answered(folder, "queue", "demo")
    in_process(folder, "queue-set", "demo", first["internal_id"], "erp", "incomplete")
    step_set, drove = answered(folder, "audit", "demo")
    assert (step_set["what"], step_set["on"]) == ("set a step incomplete", f"erp of {first['internal_id']}")
    assert step_set["who"].endswith("(databus queue-set)")
    assert (drove["what"], drove["on"]) == ("drove", "orders")
    assert drove["who"].endswith("(databus drive)")
    shown = in_process(folder, "audit", "demo").stdout
    assert "drove" in shown
    assert shown.endswith("2 records\n")
    assert [record["what"] for record in answered(folder, "audit", "root")] == ["shut down"]


def test_logs_are_listed_and_read(folder: Path) -> None:
    in_process(folder, "drive", "demo", "orders")
    (log,) = answered(folder, "logs", "demo")
    assert (log["client_passenger"], log["worst"]) == ("orders", "info")
    listed = in_process(folder, "logs", "demo").stdout
    assert log["id"] in listed
    assert listed.endswith("1 log\n")
    lines = answered(folder, "logs", "demo", log["id"])
    assert len(lines) == log["length"]
    read = in_process(folder, "logs", "demo", log["id"]).stdout.splitlines()
    assert len(read) == log["length"]
    assert "Trip of orders begins" in read[0]


def test_a_trip_whose_process_died_is_broken_off(folder: Path) -> None:
    database = JSON_FILES.make(folder, database_dir=str(folder / "data"))
    database.open(Holder("tests"))
    log = Log("demo", "orders")
    database.append_log(log, [LogEntry(log.started_at, "shop", MessageType.INFO, "Got 3 mails")])
    assert "running" in in_process(folder, "logs", "demo").stdout
    database.close()
    with held(folder):
        assert "broken off" in in_process(folder, "logs", "demo").stdout, "it is no trip of the present holder"
    assert "broken off" in in_process(folder, "logs", "demo").stdout
    assert in_process(folder, "logs", "demo", log.id).stdout.endswith(
        "Got 3 mails\nThe trip was broken off: its process ended before it.\n"
    )


@pytest.mark.parametrize("on_disk", ["Müller GmbH", "Mu\u0308ller GmbH"])
def test_a_client_with_a_name_as_people_have_them(tmp_path: Path, stage: Stage, on_disk: str) -> None:
    ticket_with(tmp_path, root=[], **{on_disk: [stage.client_passenger()]})
    typed = "Müller GmbH"
    assert in_process(tmp_path, "check").exit_code == 0
    assert in_process(tmp_path, "drive", typed, "orders").exit_code == 0
    internal_id = answered(tmp_path, "queue", typed)[0]["internal_id"]
    assert in_process(tmp_path, "queue-set", typed, internal_id, "erp", "incomplete").exit_code == 0
    (log,) = answered(tmp_path, "logs", typed)
    assert (log["client_passenger"], log["worst"]) == ("orders", "info")
    assert answered(tmp_path, "peek", typed, "orders")


def test_plug_ins_that_are_called_like_modules_of_python_do_a_whole_trip(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "calendar.py").write_text(
        "from databus_core import Passenger, Puller, Pusher\n"
        "class Date(Passenger): ...\n"
        "class Dates(Puller):\n"
        "    def pull(self): yield Date(external_id='1', source_system='wall', properties={'day': 'Monday'})\n"
        "    def notify_passengers_seated(self, passengers): ...\n"
    )
    (plugins / "queue.py").write_text(
        "from pathlib import Path\n"
        "from databus_core import Pusher\n"
        "class Line(Pusher):\n"
        "    def push(self, passenger):\n"
        "        text = type(passenger).__name__ + ' ' + passenger.properties['day']\n"
        "        (self.context.folder / 'pushed.txt').write_text(text)\n"
    )
    ticket_with(tmp_path, root=[], demo=[{"name": "dates", "pullers": ["calendar"], "pushers": ["queue:Line"]}])
    assert in_process(tmp_path, "check").exit_code == 0
    driven = in_process(tmp_path, "drive", "demo", "dates")
    assert (driven.exit_code, driven.stderr) == (0, "")
    assert (tmp_path / "pushed.txt").read_text() == "Date Monday"
    (file,) = tmp_path.glob("data/clients/demo/pqueue/*/passenger.json")
    assert json.loads(file.read_text())["passenger_module"] == "calendar"


def test_what_waits_is_shown_and_stays(folder: Path, stage: Stage) -> None:
    (puller,) = answered(folder, "peek", "demo", "orders")
    assert [(item["external_id"], item["state"]) for item in puller["items"]] == [("1", "new"), ("2", "new")]
    shown = in_process(folder, "peek", "demo", "orders").stdout
    assert "2 waiting" in shown
    assert "shop - 1 (order.txt)" in shown
    assert stage.waiting == ["1", "2"]
    assert answered(folder, "queue", "demo") == []


def test_a_puller_that_does_not_offer_peeking_is_no_error(tmp_path: Path, stage: Stage) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "cli_shy.py").write_text(SHY)
    ticket_with(tmp_path, demo=[stage.client_passenger(pullers=[{"module": "cli_shy"}, ""])])
    peeked = in_process(tmp_path, "peek", "demo", "orders")
    assert (peeked.exit_code, peeked.stderr) == (0, "")
    shy, *_ = peeked.stdout.splitlines()
    assert shy == "cli_shy: peeking is not offered: cli_shy cannot show what waits without consuming it"
    assert "2 waiting" in peeked.stdout
    assert [puller["offered"] for puller in answered(tmp_path, "peek", "demo", "orders")] == [False, True]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_peek_that_cannot_read_everything_shows_the_rest_and_ends_with_exit_code_1(
    folder: Path, stage: Stage, options: tuple[str, ...]
) -> None:
    stage.on_pull = lambda external_id: 1 / 0 if external_id == "2" else None
    peeked = in_process(folder, "peek", "demo", "orders", *options)
    assert peeked.exit_code == 1
    assert "ZeroDivisionError" in peeked.stdout + peeked.stderr
    assert "order.txt" in peeked.stdout
    assert options or "1 waiting of what could be read" in peeked.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run",), "there is no such ticket"),
        (("drive", "demo", "orders"), "there is no such ticket"),
        (("queue", "demo"), "there is no such ticket"),
    ],
)
def test_without_a_ticket_nothing_runs(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    refused = in_process(tmp_path, *words)
    assert refused.exit_code == 2
    assert told in refused.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("drive", "demo", "nothing"), "no client passenger 'nothing'"),
        (("drive", "nobody", "orders"), "no client 'nobody'"),
        (("peek", "demo", "nothing"), "no client passenger 'nothing'"),
        (("queue", "nobody"), "no client 'nobody'"),
        (("queue", "demo", "--status", "lost"), "'lost' is not one of"),
        (("queue-set", "demo", "x", "erp", "complete"), "no passenger 'x'"),
        (("logs", "demo", "x"), "no log 'x'"),
        (("expedite", "demo", "orders"), "No dispatcher runs"),
        (("pause", "demo", "nothing"), "no client passenger 'nothing'"),
        (("resume", "nobody", "orders"), "no client 'nobody'"),
        (("schedule", "nobody"), "no client 'nobody'"),
        (("missed", "nobody"), "no client 'nobody'"),
        (("halt", "demo", "orders"), "No dispatcher runs"),
        (("release", "demo", "erp"), "no plug-in 'erp' in quarantine; there are: none"),
    ],
)
def test_what_is_not_there_is_said_in_words(folder: Path, words: tuple[str, ...], told: str) -> None:
    refused = in_process(folder, *words)
    assert refused.exit_code == 2
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_damaged_configuration_is_told_and_harms_no_other_client(folder: Path) -> None:
    place = folder / "data" / "clients" / "root" / "config.json"
    place.write_text("{ no JSON")
    checked = in_process(folder, "check")
    assert checked.exit_code == 2
    assert "root" in checked.stderr
    assert in_process(folder, "drive", "demo", "orders").exit_code == 0


# Export -------------------------------------------------------------------------------------------------------------


def test_export_copies_to_an_address_or_to_the_database_of_a_ticket(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_process(folder, "drive", "demo", "orders").exit_code == 0
    monkeypatch.chdir(tmp_path)
    for to in ("sqlite:///copy.sqlite", "sqlite:///copy.sqlite"):
        copied = in_process(folder, "export", "demo", "--to", to)
        assert copied.exit_code == 0, copied.stderr
    assert "0 passengers were new" in copied.stdout
    other = tmp_path / "other"
    other.mkdir()
    arguments = {"database_module": "databus_core.database.sql", "database_arguments": {"file": "here.sqlite"}}
    (other / "ticket.json").write_text(json.dumps(arguments))
    copied = in_process(folder, "export", "demo", "--to", str(other / "ticket.json"))
    assert "2 passengers were new" in copied.stdout, copied.stderr
    assert (other / "here.sqlite").exists()
    original, copy = (answered(place, "queue", "demo") for place in (folder, other))
    assert copy == original
    (tmp_path / "ticket2.json").write_text(json.dumps(arguments | {"database_arguments": {"file": "copy.sqlite"}}))
    assert json.loads(invoke("queue", "demo", "--json", "--ticket", "ticket2.json").stdout) == original


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("nowhere", "--to: 'nowhere' is not allowed; allowed are sqlite, or an address"),
        ("oracle://db/x", "allowed are sqlite, postgresql"),
        ("postgresql://127.0.0.1:1/x", "PostgreSQL database x on 127.0.0.1:1"),
    ],
)
def test_export_to_what_is_no_database_is_refused_in_words(folder: Path, to: str, said: str) -> None:
    refused = in_process(folder, "export", "demo", "--to", to)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_export_of_a_client_that_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    refused = in_process(folder, "export", "nobody", "--to", f"sqlite:///{tmp_path}/copy.sqlite")
    assert refused.exit_code == 2
    assert "nobody" in refused.stderr


# Schedules ----------------------------------------------------------------------------------------------------------


def test_a_schedule_is_told_in_words_with_its_next_five_times(tmp_path: Path, stage: Stage) -> None:
    nightly = {"cron": "30 3 * * *", "zone": "Europe/Istanbul", "missed": {"all_up_to": 7}}
    routes = [stage.client_passenger(), stage.client_passenger("nightly", schedule=nightly)]
    ticket_with(tmp_path, root=[], demo=routes)
    orders, night = answered(tmp_path, "schedule", "demo")
    assert (orders["schedule"], night["schedule"]) == ("every minute", "at 03:30 every day, clocks of Europe/Istanbul")
    assert night["missed"] == "up to 7 trips make up for what is missed"
    times = [datetime.fromisoformat(text) for text in night["next_times"]]
    assert [f"{at.astimezone(UTC):%H:%M}" for at in times] == ["00:30"] * 5
    assert [later - at for at, later in pairwise(times)] == [timedelta(days=1)] * 4
    shown = in_process(tmp_path, "schedule", "demo").stdout
    assert "at 03:30 every day, clocks of Europe/Istanbul" in shown
    assert shown.endswith("2 client passengers\n")


def test_a_client_passenger_is_paused_and_resumed_where_no_dispatcher_runs(folder: Path, stage: Stage) -> None:
    assert in_process(folder, "pause", "demo", "orders").stdout == "demo / orders is paused.\n"
    (row,) = answered(folder, "schedule", "demo")
    assert (row["pause"], row["next_times"]) == ("everything", [])
    refused = in_process(folder, "drive", "demo", "orders")
    assert (refused.exit_code, refused.stderr) == (2, "demo / orders is paused; resume it first.\n")
    once = in_process(folder, "run", "--once")
    assert (once.exit_code, once.stdout) == (0, "demo / orders is paused.\n")
    assert stage.pulls == 0
    assert in_process(folder, "pause", "demo", "orders", "--intake").stdout.endswith("pulls nothing any more.\n")
    assert in_process(folder, "drive", "demo", "orders").exit_code == 0
    assert (stage.pulls, stage.waiting) == (0, ["1", "2"])
    assert in_process(folder, "resume", "demo", "orders").stdout == "demo / orders is resumed.\n"
    assert in_process(folder, "drive", "demo", "orders").exit_code == 0
    assert stage.waiting == []


def test_a_running_dispatcher_pauses_what_another_process_tells_it_to(folder: Path, tmp_path: Path) -> None:
    ticket_with(tmp_path, demo=[{"name": "quiet", "sync_frequency": 60}])
    with running(folder, "run") as process:
        wait_until(
            lambda: answered(folder, "schedule", "demo")[0]["next_times"] and (folder / "data/.holder.json").exists()
        )
        assert in_process(folder, "pause", "demo", "quiet").stdout == "demo / quiet is paused.\n"
        assert answered(folder, "schedule", "demo")[0]["pause"] == "everything"
        refused = in_process(folder, "expedite", "demo", "quiet")
        assert (refused.exit_code, refused.stderr) == (2, "demo / quiet is paused; resume it first.\n")
        assert in_process(folder, "resume", "demo", "quiet").exit_code == 0
        assert in_process(folder, "expedite", "demo", "quiet").exit_code == 0
        assert process.poll() is None


def test_what_was_missed_is_listed(folder: Path) -> None:
    assert in_process(folder, "missed", "demo").stdout.endswith("0 gaps\n")
    database = JSON_FILES.make(folder, database_dir=str(folder / "data"))
    database.open(Holder("tests"))
    database.append_missed("demo", [MissedTrips("orders", now() - timedelta(hours=9), now(), Absence.STOPPED, 540, 1)])
    database.close()
    (row,) = answered(folder, "missed", "demo")
    assert (row["client_passenger"], row["why"], row["count"], row["made_up"]) == ("orders", "stopped", 540, 1)
    shown = in_process(folder, "missed", "demo").stdout
    assert "stopped" in shown
    assert shown.endswith("1 gap\n")
