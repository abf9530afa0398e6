"""What the README and the page about failures show works as it stands there."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from databus_core import Dispatcher, DispatcherTicket, Pusher
from databus_core.model.client import PusherReference
from databus_core.model.customizing import DATABUS_NODE, problems_in
from databus_core.model.policies import BreakerPolicy, RetryPolicy
from databus_core.model.schedule import Schedule

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text("utf-8")
FAILURES = (REPOSITORY / "docs" / "failures.md").read_text("utf-8")


def block(language: str, containing: str) -> str:
    """The README's code block in that language with that text in it."""
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text]
    assert len(found) == 1
    return found[0]


async def test_the_plug_in_moves_files(tmp_path: Path):
    source = block("python", "class OrderPuller")
    assert len([line for line in source.splitlines() if line]) <= 15
    for folder in ("plugins", "incoming", "data/clients/acme"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "plugins" / "orders.py").write_text(source)
    (tmp_path / "incoming" / "4711.xml").write_text("<order/>")
    (tmp_path / "data" / "clients" / "acme" / "config.json").write_text(block("json", '"pullers"'))
    (tmp_path / "ticket.json").write_text(block("json", '"system_alias"'))
    dispatcher = Dispatcher(DispatcherTicket.load(tmp_path / "ticket.json"))
    await dispatcher.start(paused=True)
    log = await dispatcher.drive("acme", "orders")
    await dispatcher.shut_down()
    assert not log.has_errors, [entry.message for entry in log.errors]
    assert list((tmp_path / "incoming").iterdir()) == []
    (delivered,) = (tmp_path / "done").rglob("*.xml")
    assert delivered.read_text() == "<order/>"


def test_the_ticket_in_python_is_one():
    namespace: dict[str, object] = {}
    exec(block("python", ".run()").replace(".run()", ""), namespace)
    assert json.loads(block("json", '"system_alias"'))["system_alias"] in block("python", ".run()")


def test_the_schedule_is_one():
    (schedule,) = json.loads(block("json", '"schedule"')).values()
    words = Schedule.model_validate(schedule).timing(timedelta(minutes=1)).in_words()
    assert words == "at 07:00 on Monday through Friday, clocks of Europe/Istanbul"


@pytest.mark.parametrize("text", re.findall(r"```json\n(.*?)```", FAILURES, re.DOTALL))
def test_each_configuration_about_failures_is_right(text: str):
    assert problems_in(DATABUS_NODE, text) == []


@pytest.mark.parametrize("text", re.findall(r"```python\n(.*?)```", FAILURES, re.DOTALL))
def test_each_plug_in_about_failures_is_one(text: str):
    namespace: dict[str, object] = {}
    exec(text, namespace)
    (pusher,) = (
        each
        for each in namespace.values()
        if isinstance(each, type) and issubclass(each, Pusher) and each is not Pusher
    )
    assert not pusher.__abstractmethods__


def test_the_page_about_failures_names_the_defaults_and_every_setting():
    words = " ".join(FAILURES.split())
    retry, breaker = RetryPolicy(), BreakerPolicy()
    assert (retry.attempts, retry.first_wait.seconds, retry.factor, retry.longest_wait.seconds) == (20, 60, 2, 3600)
    assert "after 1, 2, 4 ... minutes, at most an hour apart, 20 times" in words
    assert (breaker.failures, breaker.wait.seconds, breaker.longest_wait.seconds) == (5, 60, 900)
    assert "five times in a row" in words
    own = {*PusherReference.model_fields} - {"module", "arguments", "name"}
    for setting in {*own, *RetryPolicy.model_fields, *BreakerPolicy.model_fields, "ordered_by"}:
        assert f'"{setting}"' in words or f"`{setting}`" in words
