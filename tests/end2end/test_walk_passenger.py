"""A passenger, puller to pusher: the demo, driven by the command line in real processes."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
import sys
import zipfile
from collections import Counter
from contextlib import closing
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.support.plug_ins import tree
from tests.support.program import answered, databus, in_process, running, wait_until
from tests.support.stage import ticket_with

ORDERS = "orders by mail"
OUTBOX_STEP = "databus_core.connectors.folder.pusher"
DAMAGED = "13_damaged.eml"
COLUMNS = "order_no, article, description, quantity, unit_price, delivery_date"


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A folder with the demo, as `databus new` makes it."""
    made = databus(tmp_path, "new", "demo", "--demo")
    assert made.returncode == 0, made.stderr
    return tmp_path / "demo"


def order_lines(folder: Path) -> list[tuple[Any, ...]]:
    """Every row that was delivered into the table, without the columns that Databus adds."""
    with closing(sqlite3.connect(folder / "orders.sqlite")) as table:
        return table.execute(f"select {COLUMNS} from order_lines").fetchall()


def attached(message: EmailMessage) -> list[tuple[str, bytes]]:
    """Names and contents of a mail's files, those of forwarded mails and of archives too."""
    found: list[tuple[str, bytes]] = []
    for part in message.walk():
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes) or part.get_content_maintype() == "text":
            continue
        if part.get_content_subtype() == "zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                found += [(name, archive.read(name)) for name in archive.namelist()]
        else:
            found.append((part.get_filename() or "", data))
    return found


def ordered(mails: Path) -> Counter[tuple[Any, ...]]:
    """The order lines of every workbook in the mails of a folder, read without Databus."""
    lines: Counter[tuple[Any, ...]] = Counter()
    for file in mails.glob("*.eml"):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        assert isinstance(message, EmailMessage)
        for _, data in attached(message):
            if data.startswith(b"PK"):
                sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
                rows = list(sheet.iter_rows(min_row=2, values_only=True))
                lines.update((*row[:5], f"{row[5]:%Y-%m-%d}") for row in rows)
    return lines


def workbooks(folder: Path) -> Counter[bytes]:
    """The content of every workbook below the folder."""
    return Counter(file.read_bytes() for file in folder.rglob("*.xlsx"))


def test_mails_in_a_folder_become_delivered_orders_and_nothing_is_doubled(demo: Path) -> None:
    mails = {file.name for file in (demo / "inbox").iterdir()}
    first = databus(demo, "run", "--once")
    assert first.returncode == 1
    assert DAMAGED in first.stderr
    assert [file.name for file in (demo / "inbox").iterdir()] == [DAMAGED]
    assert {file.name for file in (demo / "archive").iterdir()} == mails - {DAMAGED}
    expected = ordered(demo / "archive")
    assert expected.total() > 50
    assert Counter(order_lines(demo)) == expected
    delivered = tree(demo / "outbox")
    assert sum(name.endswith(".xlsx") for name in delivered) >= 12
    assert {one["status"] for one in answered(demo, "queue", "demo")} == {"complete"}
    (log,) = [one for one in answered(demo, "logs", "demo") if one["client_passenger"] == ORDERS]
    lines = answered(demo, "logs", "demo", log["id"])
    assert [line["type"] for line in lines if DAMAGED in line["message"]] == ["error"]

    second = databus(demo, "run", "--once")
    assert second.returncode == 1, "the damaged mail is still there"
    assert DAMAGED in second.stderr
    assert [file.name for file in (demo / "inbox").iterdir()] == [DAMAGED]
    assert Counter(order_lines(demo)) == expected
    assert tree(demo / "outbox") == delivered


def test_a_mail_without_a_workbook_is_complete_and_goes_nowhere(demo: Path) -> None:
    databus(demo, "drive", "demo", ORDERS)
    (news,) = [
        one for one in answered(demo, "queue", "demo") if one["properties"].get("subject", "").endswith("catalogue")
    ]
    assert news["status"] == "complete"
    assert all("left out" in step["note"] for step in news["steps"] if step["kind"] == "pusher")
    assert not (demo / "outbox" / news["internal_id"]).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGTERM to a process that may answer it")
def test_a_running_dispatcher_is_watched_directed_and_stopped_from_outside(demo: Path) -> None:
    with running(demo, "run") as dispatcher:
        wait_until(lambda: dispatcher.poll() is not None or _finished_trips(demo) >= 3)
        assert dispatcher.poll() is None, dispatcher.communicate()

        second = databus(demo, "run")
        assert second.returncode == 2
        assert "databus run" in second.stderr
        assert str(dispatcher.pid) in second.stderr

        seen = databus(demo, "peek", "demo", ORDERS, "--json")
        assert seen.returncode == 1, "the damaged mail cannot be read"
        (peeked,) = json.loads(seen.stdout)
        assert (peeked["offered"], peeked["items"]) == (True, [])
        order = next(one for one in answered(demo, "queue", "demo") if (demo / "outbox" / one["internal_id"]).exists())
        assert order["status"] == "complete"

        before = workbooks(demo / "outbox")
        for file in (demo / "outbox" / order["internal_id"]).iterdir():
            file.unlink()
        assert workbooks(demo / "outbox") != before
        told = databus(demo, "queue-set", "demo", order["internal_id"], OUTBOX_STEP, "incomplete")
        assert told.returncode == 0, told.stderr
        wait_until(lambda: workbooks(demo / "outbox") == before)  # at once, beside the schedule
        wait_until(lambda: answered(demo, "queue", "demo", "--status", "incomplete") == [])
        exported = databus(demo, "export", "demo", "--to", "sqlite:///copy.sqlite")
        assert exported.returncode == 0, exported.stderr
        assert "databus run copies" in exported.stdout
        assert (demo / "copy.sqlite").exists()

        trips = _finished_trips(demo)
        expedited = databus(demo, "expedite", "demo", ORDERS)
        assert expedited.returncode == 0, expedited.stderr
        wait_until(lambda: _finished_trips(demo) > trips)
        assert workbooks(demo / "outbox") == before

        dispatcher.send_signal(signal.SIGTERM)
        _, said = dispatcher.communicate(timeout=30)
        assert dispatcher.returncode == 1, "its trips met the damaged mail"
        assert DAMAGED in said
        assert "Traceback" not in said
    assert in_process(demo, "expedite", "demo", ORDERS).exit_code == 2, "nobody holds the database any more"


def _finished_trips(demo: Path) -> int:
    return sum(log["finished_at"] is not None for log in answered(demo, "logs", "demo"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGINT to a process that may answer it")
def test_a_dispatcher_without_trouble_ends_with_exit_code_0(tmp_path: Path) -> None:
    parts = {role: [f"databus_core.connectors.demo.{role}_1"] for role in ("puller", "processor", "pusher")}
    route = {"name": "greetings"} | {f"{role}s": modules for role, modules in parts.items()}
    ticket_with(tmp_path, root=[], demo=[route])
    with running(tmp_path, "run") as dispatcher:
        wait_until(lambda: dispatcher.poll() is not None or _finished_trips(tmp_path) == 1)
        dispatcher.send_signal(signal.SIGINT)
        said, complained = dispatcher.communicate(timeout=30)
    assert (dispatcher.returncode, complained) == (0, "")
    assert "runs. Press Ctrl-C to stop." in said
    assert "demo / greetings: Trip ends: 2 seated" in said
