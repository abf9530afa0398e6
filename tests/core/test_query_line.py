"""Questions as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from databus_core.errors import QueryLineError
from databus_core.model import clock
from databus_core.model.query import Query
from databus_core.model.query_line import QUALIFIERS, parse_query_line, terms_of, value_in, with_term
from databus_core.model.queue_entry import QueueStatus, StepKind
from databus_core.model.standing import Standing

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "source", lambda: NOW)


def asked(line: str, *names: str) -> Query:
    return parse_query_line(line, "root", names)


def local(*day: int) -> datetime:
    return datetime(*day).astimezone()  # type: ignore[arg-type]


def test_the_line_of_the_manual() -> None:
    line = 'status:failed source:erp pusher:sap error:timeout text:"4711" age:>2h'
    assert asked(line) == Query(
        client_id="root",
        status=QueueStatus.FAILED,
        source_system="erp",
        open_step="sap",
        open_step_kind=StepKind.PUSHER,
        error="timeout",
        text='"4711"',
        pulled_until=NOW - timedelta(hours=2),
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("   ", {}),
        ("one two", {"text": "one two"}),
        ('one "two  three" four', {"text": 'one "two  three" four'}),
        ("text:one two text:three", {"text": "one two three"}),
        ('error:"timed out"', {"error": "timed out"}),
        ('"status:failed"', {"text": '"status:failed"'}),
        ("STATUS:Waiting", {"status": QueueStatus.INCOMPLETE, "has_error": False}),
        ("status:failing", {"status": QueueStatus.INCOMPLETE, "has_error": True}),
        ("status:decision", {"status": QueueStatus.INCOMPLETE, "has_error": True, "needs_decision": True}),
        ("status:unknown", {"status": QueueStatus.UNKNOWN}),
        ("status:complete", {"status": QueueStatus.COMPLETE}),
        ("processor:split", {"open_step": "split", "open_step_kind": StepKind.PROCESSOR}),
        ("step:split", {"open_step": "split"}),
        ("id:4711", {"id": "4711"}),
        ("12:30", {"text": "12:30"}),
        ("attempts:>=3", {"attempts": 3}),
        ("attempts:>3", {"attempts": 4}),
        ("age:<30min", {"pulled_from": NOW - timedelta(minutes=30)}),
        ('age:"> 1.5 h"', {"pulled_until": NOW - timedelta(hours=1.5)}),
        ("pulled:today", {"pulled_from": local(2026, 3, 29), "pulled_until": local(2026, 3, 30)}),
        ("pulled:2026-03-28..today", {"pulled_from": local(2026, 3, 28), "pulled_until": local(2026, 3, 30)}),
        ("pulled:..yesterday", {"pulled_until": local(2026, 3, 29)}),
        ("pulled:>yesterday", {"pulled_from": local(2026, 3, 29)}),
        ("pulled:>=2026-03-01", {"pulled_from": local(2026, 3, 1)}),
        ("pulled:<2026-03-01", {"pulled_until": local(2026, 3, 1)}),
        ("pulled:<=2026-03-01", {"pulled_until": local(2026, 3, 2)}),
        ('source:"ERP 2', {"source_system": "ERP 2"}),
    ],
)
def test_what_a_line_asks(line: str, expected: dict[str, object]) -> None:
    assert asked(line) == Query(**({"client_id": "root"} | expected))  # type: ignore[arg-type]


def test_a_client_passenger_is_named_as_people_say_it() -> None:
    names = ("shop.Orders", "mails", "other.mails")
    assert asked("passenger:orders", *names).client_passenger == "shop.Orders"
    assert asked("passenger:b.orders", "a.b.orders", "b.c.orders", "ab.orders").client_passenger == "a.b.orders"
    assert asked("passenger:shop.orders", *names).client_passenger == "shop.Orders"
    assert asked("passenger:mails", *names).client_passenger == "mails"
    with pytest.raises(QueryLineError, match=r"'MAILS' may be mails or other\.mails"):
        asked("passenger:MAILS", *names)
    with pytest.raises(QueryLineError, match=r"no client passenger 'x'; there are shop\.Orders, mails"):
        asked("passenger:x", *names)


@pytest.mark.parametrize(
    ("line", "at_fault", "said"),
    [
        ("a stauts:failed", "stauts:failed", "do you mean status: .*in quotes"),
        ("http://x", "http://x", "no qualifier; there are status, passenger"),
        ("status:", "status:", "needs a value: waiting, failing, decision"),
        ("text: x", "text:", "needs what to look for"),
        ("status:red", "status:red", "'red' is none of waiting, failing"),
        ("status:failed  status:failed", "status:failed", "stands twice"),
        ("age:2h", "age:2h", "does not begin with > .older. or <"),
        ("age:>soon", "age:>soon", "'soon' is no span of time"),
        ("attempts:3", "attempts:3", "'3' is not a number with > or >="),
        ("attempts:>x", "attempts:>x", "'>x' is not a number"),
        ("pulled:2026-02-30", "pulled:2026-02-30", "'2026-02-30' is no day"),
        ("pulled:today..yesterday", "pulled:today..yesterday", "ends before it begins"),
        ("pusher:a x processor:b", "processor:b", "pusher: and processor: cannot stand in one line"),
        ("status:complete pusher:sap", "pusher:sap", "what is complete waits for no step"),
        ("error:x status:COMPLETE", "error:x", "what is complete has no step that fails"),
    ],
)
def test_what_is_wrong_with_a_line_and_where(line: str, at_fault: str, said: str) -> None:
    with pytest.raises(QueryLineError, match=said) as raised:
        asked(line)
    assert line[raised.value.start : raised.value.end] == at_fault


def test_a_qualifier_is_written_into_a_line() -> None:
    assert with_term("", "status", "failed") == "status:failed"
    assert with_term("  x   y ", "status", "failed") == "status:failed x y"
    assert with_term('x status:failed "y  z"', "status", "waiting") == 'x status:waiting "y  z"'
    assert with_term("x status:failed status:waiting y", "status", "") == "x y"
    assert with_term("x", "passenger", 'my "best" orders') == 'passenger:"my best orders" x'
    assert value_in('x passenger:"my orders"', "passenger") == "my orders"
    assert value_in("x", "passenger") == ""


@given(st.text(), st.sampled_from([*QUALIFIERS, "text"]), st.text(st.characters(exclude_characters='"')))
@example('a:"b', "status", "x")
def test_whatever_is_typed_what_is_written_into_it_is_read_back(line: str, name: str, value: str) -> None:
    value = " ".join(value.split())
    written = with_term(line, name, value)
    assert value_in(written, name) == value
    others = [(term.name, term.value) for term in terms_of(line) if term.name != name]
    assert [(term.name, term.value) for term in terms_of(written) if term.name != name] == others


PIECES = [*Standing, *QUALIFIERS, ":", ">", "<", "..", '"', " ", "1", "h", "today"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_whatever_is_typed_is_read_or_refused_in_words(line: str) -> None:
    fault = (0, 1, "fine")
    try:
        asked(line)
    except QueryLineError as error:
        fault = (error.start, error.end, str(error))
    start, end, said = fault
    assert 0 <= start < end <= max(1, len(line))
    assert said.strip()


def test_the_manual_has_every_qualifier_with_an_example_that_can_be_read() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "queue.md").read_text("utf-8")
    examples = re.findall(r"^\| `([a-z]+:[^`]+)` \|", manual, re.MULTILINE)
    assert [line.partition(":")[0] for line in examples] == [*QUALIFIERS, "text"]
    for line in examples:
        asked(line, "orders")
