"""The packaged program, started as its users do: without Python, in a folder of theirs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from build_scripts.environment import ROOT
from build_scripts.freeze import PROGRAM
from databus_core import __version__

pytestmark = pytest.mark.package

PLUGIN = '''
import colorsys, wave  # standard modules that the app itself does not use
from pathlib import Path

from databus_core import Attachment, Passenger, Puller, Pusher


class Beep(Puller):
    """Pulls one sound."""

    def pull(self):
        path = self.context.folder / "beep.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(1)
            sound.setframerate(8000)
            sound.writeframes(bytes(100))
        yield Passenger(external_id="beep", source_system="test", attachments=[Attachment.from_file(path)])


class Colour(Pusher):
    """Leaves a file that tells what arrived."""

    def push(self, passenger):
        names = [attachment.name for attachment in passenger.attachments]
        text = f"{names} {colorsys.rgb_to_hls(1, 0, 0)[1]}"
        (self.context.folder / "delivered.txt").write_text(text, "utf-8")
'''


def databus(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the program where nothing of this checkout or its environment can be found."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "QT_QPA_PLATFORM": "offscreen"}
    if os.name == "nt":
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


def succeeds(*arguments: str | Path, folder: Path) -> str:
    """What the program prints when all is well."""
    done = databus(*arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_tells_its_version(tmp_path: Path) -> None:
    assert __version__ in succeeds("--version", folder=tmp_path)


def test_opens_its_window_on_the_demo_and_drives_it(tmp_path: Path) -> None:
    succeeds("gui", "--smoke-test", folder=tmp_path)


@pytest.mark.parametrize("database", [[], ["--database", "sqlite"]], ids=["json", "sqlite"])
def test_makes_and_drives_the_demo_without_a_window(tmp_path: Path, database: list[str]) -> None:
    succeeds("new", tmp_path / "demo", "--demo", *database, folder=tmp_path)
    done = databus("run", tmp_path / "demo" / "ticket.json", "--once", folder=tmp_path)
    assert done.returncode in {0, 1}, done.stdout + done.stderr  # 1: the demo may bring a mail that nobody can read
    assert (tmp_path / "demo" / "orders.sqlite").exists()
    assert any((tmp_path / "demo" / "outbox").iterdir())


@pytest.mark.parametrize("url", ["postgresql://ali@127.0.0.1:1/orders", "mysql://ali@127.0.0.1:1/orders"])
def test_holds_what_reaches_database_servers(tmp_path: Path, url: str) -> None:
    done = databus("new", tmp_path / "demo", "--database", url, folder=tmp_path)
    assert done.returncode == 2
    assert "database orders on 127.0.0.1:1" in done.stderr
    assert "refused" in done.stderr


@pytest.mark.parametrize("module", ["sounds.beep", "calendar", "email.beep"])
def test_a_plugin_beside_the_ticket_works_also_when_the_program_has_a_module_of_its_name(
    tmp_path: Path, module: str
) -> None:
    plugin = (tmp_path / "plugins").joinpath(*module.split(".")).with_suffix(".py")
    plugin.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN, "utf-8")
    (tmp_path / "ticket.json").write_text("{}", "utf-8")
    client = tmp_path / "data" / "json_db" / "clients" / "test"
    client.mkdir(parents=True)
    sounds = {"name": "sounds", "pullers": [f"{module}:Beep"], "pushers": [f"{module}:Colour"]}
    (client / "config.json").write_text(json.dumps({"passengers": [sounds]}), "utf-8")
    succeeds("run", "ticket.json", "--once", folder=tmp_path)
    assert (tmp_path / "delivered.txt").read_text("utf-8") == "['beep.wav'] 0.5"


def test_a_plugin_that_needs_what_the_program_does_not_hold_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "asks.py").write_text("import tkinter\n", "utf-8")
    (tmp_path / "ticket.json").write_text("{}", "utf-8")
    client = tmp_path / "data" / "json_db" / "clients" / "test"
    client.mkdir(parents=True)
    orders = {"name": "orders", "pullers": ["asks"], "pushers": ["databus_core.connectors.demo.pusher_1"]}
    (client / "config.json").write_text(json.dumps({"passengers": [orders]}), "utf-8")
    done = databus("check", folder=tmp_path)
    assert done.returncode == 2
    assert "needs the module 'tkinter', which is neither in this packaged program nor in" in done.stderr


CRASH = """
import os

from databus_core import Passenger, Puller


class Crash(Puller):
    def pull(self):
        print("about to crash")
        os._exit(3)
"""


def test_a_trip_in_a_process_of_its_own_crashes_alone(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "crash.py").write_text(CRASH, "utf-8")
    (tmp_path / "ticket.json").write_text("{}", "utf-8")
    client = tmp_path / "data" / "json_db" / "clients" / "test"
    client.mkdir(parents=True)
    passenger = {"name": "crashing", "pullers": ["crash"], "isolation": "process"}
    (client / "config.json").write_text(json.dumps({"passengers": [passenger]}), "utf-8")
    done = databus("run", "ticket.json", "--once", folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "The trip ended early while crash was pulling: its process ended itself with exit code 3" in done.stderr
    (log,) = (client / "log").iterdir()
    assert "[output][info] about to crash" in log.read_text("utf-8")


def test_tells_nothing_of_the_machine_that_built_it() -> None:
    named = [path for path in PROGRAM.parent.rglob("*.dist-info/*") if path.name in {"direct_url.json", "RECORD"}]
    assert not named
    assert str(ROOT).encode() not in PROGRAM.read_bytes()


@pytest.mark.parametrize("name", ["databus", "databus-desktop"])
def test_holds_both_programs(name: str) -> None:
    assert PROGRAM.with_name(PROGRAM.name.replace("databus", name)).exists()
