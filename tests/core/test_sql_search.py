"""Search in SQL databases: what is found besides ids, when, and that nothing gets lost on the way."""

from __future__ import annotations

import io
import itertools
import json
import random
import threading
import time
import zipfile
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from databus_core.database import sql
from databus_core.database.sql import indexer, search, search_page, search_text
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.holder import Holder
from databus_core.model.query import Query, QueueOrder, QueueRow, SearchProgress
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.plugins.database import Database
from tests.support.engines import MARIADB, POSTGRESQL, SQL_SERVER, SQLITE, Engine
from tests.support.entries import completed, entry, minutes

PATIENCE = 30
KILLS = 5
NUMBERS = itertools.count()


@pytest.fixture(params=[SQLITE, POSTGRESQL, MARIADB, SQL_SERVER], ids=str)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each kind of SQL database in turn."""
    request.param.require()
    return request.param


def found(database: Database, text: str, **filters: object) -> list[str]:
    """External ids of what a text finds, newest first."""
    query = Query(**({"client_id": ROOT, "text": text} | filters))  # type: ignore[arg-type]
    page = database.queue_rows(query)
    assert page.total == len(page.rows)
    return [row.external_id for row in page.rows]


def settle(database: Database) -> None:
    """Wait until everything that is there is indexed: a passenger's content is, that was seated behind all."""
    marker = f"marker{next(NUMBERS)}"
    last = entry(f"settle-{marker}", source_system="tests", attachments=[Attachment.text("a.txt", f"{marker}content")])
    database.seat(ROOT, [last])
    until = time.monotonic() + PATIENCE
    while not found(database, f"{marker}content"):
        assert time.monotonic() < until, "nothing is indexed"
        time.sleep(0.02)
    database.remove(ROOT, [last.internal_id])


def seated(database: Database, *attachments: Attachment, name: str = "1") -> QueueEntry:
    made = entry(name, attachments=attachments)
    database.seat(ROOT, [made])
    settle(database)
    return made


def test_a_passenger_is_found_by_its_title_as_it_is_now(engine: Engine, tmp_path: Path) -> None:
    with closing(engine.opened(tmp_path)) as database:
        made = entry("1", properties={"subject": "Bestellung Dübel", "sender": "miller@example.com"})
        database.seat(ROOT, [made])
        settle(database)
        assert found(database, "bestellung düb") == ["1"]
        assert found(database, "miller") == [], "the details do not show it as the title"
        made.properties["subject"] = "Nachtrag"
        database.update(ROOT, [made])
        settle(database)
        assert (found(database, "nachtrag"), found(database, "bestellung")) == (["1"], [])


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("schrauben", True),
        ("SCHRAUB", True),
        ("chrauben", False),
        ("zwölf schrauben", True),
        ("schrauben zwölf", True),
        ("schrauben shop", True),
        ("schrauben dübel", False),
        ('"zwölf schrauben"', True),
        ('"schrauben zwölf"', False),
        ('"zwölf schraub"', False),
        ("AB-123/4", True),
        ("AB-12", True),
        ("123-AB", False),
        ("über", True),
        ("u\u0308ber", True),
        ("uber", False),
        ("STRASSE", True),
        ("x", True),
        ("the", True),
        ("th", True),
        ("a b", True),
        ("o'neill", True),
        ("100%", True),
        ("漢字", True),
        ("order", True),
        ("Δελτίο", True),
    ],
)
def test_words_of_attachments_are_found(engine: Engine, tmp_path: Path, text: str, is_found: bool) -> None:
    content = "Zwölf Schrauben (AB-123/4) ÜBER Nacht, Straße x the a b O'Neill 100% 漢字 δελτίο"
    database = engine.opened(tmp_path)
    seated(database, Attachment.text("order.txt", content))
    assert found(database, text) == (["1"] if is_found else [])
    database.close()


@pytest.mark.parametrize(
    "data",
    [
        "Müller bestellt".encode(),
        b"\xef\xbb\xbf" + "Müller bestellt".encode(),
        "Müller bestellt".encode("utf-16"),
        "Müller bestellt".encode("latin-1"),
        '<?xml version="1.0" encoding="ISO-8859-15"?><a>Müller bestellt €</a>'.encode("iso-8859-15"),
        '<meta charset="windows-1252">Müller „bestellt“'.encode("cp1252"),
        b"<p>M&uuml;ller&nbsp;<b>bestellt</b></p>",
        json.dumps({"name": "Müller", "verb": "bestellt"}).encode(),
        "UNA:+.? 'UNB+UNOC:3+Müller'BGM+bestellt'\x1c".encode("latin-1"),
    ],
)
def test_text_is_found_whatever_its_attachment_says_that_it_is(tmp_path: Path, data: bytes) -> None:
    database = SQLITE.opened(tmp_path)
    seated(database, Attachment.binary("a.bin", data))
    assert found(database, '"müller" bestellt') == ["1"]
    database.close()


def zipped(**members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return stream.getvalue()


def workbook() -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in (["Order", "Item", "Amount"], ["PO-77812", "Müller & Söhne", 4500012345], ["=1+1", True, 2.5]):
        book.worksheets[0].append(row)
    book.create_sheet("Second").append(["hidden treasure"])
    book.save(stream)
    return stream.getvalue()


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "Jürgen <j@shop.test>", "Bestellung über Schrauben"
    message.set_content("Größe: drei Zoll\n" + "é" * 200, cte="quoted-printable")
    message.add_attachment(workbook(), maintype="application", subtype="octet-stream", filename="inner.xlsx")
    return message.as_bytes()


ODS = '<a xmlns:t="urn:t"><t:p>PO-<t:s>778</t:s>12</t:p><t:p>Müller</t:p></a>'


@pytest.mark.parametrize(
    ("data", "present", "absent"),
    [
        (workbook(), ["po-77812", '"müller söhne"', "4500012345", "hidden treasure", "amount"], ["sharedstrings"]),
        (zipped(mimetype="ods", content_xml=ODS), ["po-77812", "müller"], ["mimetype"]),
        (zipped(orders__po4711_csv="secret"), ["po4711", "orders"], ["secret"]),
        (mail(), ["jürgen", "über schrauben", "größe", "inner.xlsx", "4500012345", "po-77812"], []),
    ],
    ids=["xlsx", "ods", "zip", "mail"],
)
def test_the_text_inside_of_documents_is_found(
    tmp_path: Path, data: bytes, present: list[str], absent: list[str]
) -> None:
    database = SQLITE.opened(tmp_path)
    seated(database, Attachment.binary("a.bin", data))
    assert [text for text in present if found(database, text) != ["1"]] == []
    assert [text for text in absent if found(database, text)] == []
    database.close()


def test_a_document_larger_than_other_attachments_is_looked_through(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("xl/media/picture.png", bytes(3 << 20))
        archive.writestr("xl/sharedStrings.xml", "<sst><si><t>treasure</t></si></sst>")
    database = SQLITE.opened(tmp_path)
    seated(database, Attachment.binary("a.xlsx", stream.getvalue()))
    assert found(database, "treasure") == ["1"]
    database.close()


BOMB = "<sst>" + "<si><t>x</t></si>" * 4_000_000 + "<si><t>behind</t></si></sst>"
BROKEN = {
    "cut off": workbook()[:-200],
    "no XML": zipped(xl__sharedStrings_xml="<sst><si>&&"),
    "document type": zipped(xl__sharedStrings_xml='<!DOCTYPE s [<!ENTITY e "x">]><sst>&e;</sst>'),
    "nothing but a beginning": b"PK\x03\x04",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_document_is_remarked_once_and_holds_nobody_up(tmp_path: Path, data: bytes) -> None:
    remarks: list[str] = []
    database = SQLITE.make(tmp_path, remark=remarks.append)
    database.open(Holder("tests"))
    made = seated(database, Attachment.binary("orders.xlsx", data))
    made.notification.fail("again")
    database.update(ROOT, [made])
    settle(database)
    assert found(database, "orders.xlsx again") == ["1"]
    (remark,) = remarks
    assert remark.startswith(f"Attachment 'orders.xlsx' of passenger {made.internal_id} cannot be looked through: ")
    database.close()


def test_a_document_that_unpacks_to_much_is_looked_through_at_its_beginning(tmp_path: Path) -> None:
    database = SQLITE.opened(tmp_path)
    seated(database, Attachment.binary("bomb.xlsx", zipped(xl__sharedStrings_xml=BOMB)))
    assert found(database, "x bomb") == ["1"]
    assert found(database, "behind") == []
    database.close()


def test_what_is_no_text_is_not_indexed(tmp_path: Path) -> None:
    database = SQLITE.opened(tmp_path)
    seated(database, Attachment.binary("a.bin", b"\x00\x01\x02 secret words"))
    assert found(database, "secret") == []
    assert found(database, "a.bin") == ["1"]
    database.close()


def test_only_the_first_mebibyte_of_an_attachment_is_indexed(engine: Engine, tmp_path: Path) -> None:
    database = engine.opened(tmp_path)
    long = " ".join(f"w{number}" for number in range(150_000))
    made = seated(
        database, Attachment.text("a.txt", f"beginning {long} end"), Attachment.text("b.txt", "ü" * (1 << 20))
    )
    assert len(made.attachments[0].read_bytes()) > 1 << 20
    assert found(database, "beginning w7777") == ["1"]
    assert found(database, "end") == []
    database.close()


def test_a_passenger_is_found_at_once_by_its_ids_and_its_error(engine: Engine, tmp_path: Path) -> None:
    database = engine.opened(tmp_path)
    made = entry("ORD-4711", source_system="webshop")
    database.seat(ROOT, [made])
    for text in ("ord-4711", "WEBSHOP", made.internal_id, f'"{made.internal_id}"'):
        assert found(database, text) == ["ORD-4711"]
    made.notification.fail("the shop is closed")
    database.update(ROOT, [made])
    assert found(database, "closed") == ["ORD-4711"]
    settle(database)
    for text in ("ord-4711", "WEBSHOP", made.internal_id, f'"{made.internal_id}"', "shop closed"):
        assert found(database, text) == ["ORD-4711"]
    assert found(database, made.internal_id[:8]) == ["ORD-4711"]
    assert found(database, made.internal_id[9:13]) == []
    database.close()


def test_what_a_processor_changed_is_found_and_what_it_replaced_is_not(engine: Engine, tmp_path: Path) -> None:
    database = engine.opened(tmp_path)
    made = seated(database, Attachment.text("a.txt", "screws"), Attachment.text("b.txt", "nails"))
    made.attachments[0].set_text("bolts")
    del made.attachments[1]
    database.update(ROOT, [made])
    settle(database)
    assert [found(database, text) for text in ("bolts", "screws", "nails")] == [["1"], [], []]
    database.close()


def test_every_error_of_a_passenger_is_found_while_it_has_it(engine: Engine, tmp_path: Path) -> None:
    database = engine.opened(tmp_path)
    made = seated(database)
    made.notification.fail("older trouble")
    made.pushers[0].fail("x " * 200 + "newer trouble")
    database.update(ROOT, [made])
    settle(database)
    assert found(database, "older newer") == ["1"]
    database.update(ROOT, [completed(made)])
    settle(database)
    assert found(database, "trouble") == []
    database.close()


def test_nothing_is_found_of_removed_passengers_even_when_their_keys_are_used_again(
    engine: Engine, tmp_path: Path
) -> None:
    database = engine.opened(tmp_path)
    made = seated(database, Attachment.text("a.txt", "screws"))
    database.remove(ROOT, [made.internal_id])
    assert found(database, "screws") == []
    database.close()
    database = engine.opened(tmp_path)
    seated(database, Attachment.text("a.txt", "nails"), name="2")
    assert [found(database, text) for text in ("nails", "screws")] == [["2"], []]
    database.close()


def test_the_file_shrinks_when_what_was_indexed_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_text, "DROPPED", 1)
    random_ = random.Random(1)
    database = SQLITE.opened(tmp_path)
    made = [
        entry(str(number), attachments=[Attachment.text("a.txt", " ".join(f"{random_.random()}" for _ in range(50)))])
        for number in range(2000)
    ]
    database.seat(ROOT, made)
    settle(database)
    file = tmp_path / "data" / "databus.sqlite"
    before = file.stat().st_size
    database.remove(ROOT, [one.internal_id for one in made])
    until = time.monotonic() + PATIENCE
    while file.stat().st_size > before // 3:  # what is free is given back from 1 MiB on
        assert time.monotonic() < until, f"{file.stat().st_size} bytes are left of {before}"
        time.sleep(0.05)
    seated(database, Attachment.text("a.txt", "screws"), name="new")
    assert found(database, "screws") == ["new"]
    database.close()


def test_what_was_not_indexed_when_the_database_was_closed_is_indexed_later(engine: Engine, tmp_path: Path) -> None:
    database = engine.opened(tmp_path)
    database.seat(ROOT, [entry(attachments=[Attachment.text("a.txt", "screws")])])
    database.close()
    database = engine.opened(tmp_path)
    settle(database)
    assert found(database, "screws") == ["1"]
    database.close()


def test_a_reader_beside_finds_what_is_indexed_and_what_is_not(tmp_path: Path) -> None:
    database = SQLITE.opened(tmp_path)
    seated(database, Attachment.text("a.txt", "screws"))
    database.seat(ROOT, [entry("fresh")])
    reader = SQLITE.opened(tmp_path, reading=True)
    assert found(reader, "screws") == ["1"]
    assert found(reader, "fresh") == ["fresh"]
    reader.close()
    database.close()


# Parts of words -----------------------------------------------------------------------------------------------------


def until_found(database: Database, text: str, expected: list[str]) -> None:
    until = time.monotonic() + PATIENCE
    while sorted(found(database, text)) != sorted(expected):
        assert time.monotonic() < until, f"{text!r} finds {found(database, text)}, not {expected}"
        time.sleep(0.02)


PARTS = ["raube", "MSCHR", "chrauben m8", "ord-12", "xx0"]


@pytest.mark.parametrize("window", [1, 2048])
def test_parts_of_words_are_found_of_those_client_passengers_that_want_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(search_page, "WINDOW", window)
    database = engine.opened(tmp_path)
    text = Attachment.text("a.txt", "Umschraubenschrauben M8, xyORD-12 00x")
    database.seat(ROOT, [entry("w", client_passenger="wanting", attachments=[text]), entry("o", attachments=[text])])
    settle(database)
    assert [found(database, part) for part in PARTS] == [[]] * len(PARTS)
    database.search_substrings(ROOT, ["wanting"])
    until_found(database, "raube", ["w"])
    assert [found(database, part) for part in PARTS] == [["w"]] * 4 + [[]]
    assert found(database, "au") == []
    assert found(database, "raube", client_passenger="orders") == []
    assert [found(database, both) for both in ("raube m8", "raube zzz", '"raube"')] == [["w"], [], []]
    assert sorted(found(database, "umschrau")) == ["o", "w"]
    late = entry("late", client_passenger="wanting", attachments=[text])
    database.seat(ROOT, [late])
    until_found(database, "raube", ["w", "late"])
    late.attachments[0].set_text("Dübelkiste")
    database.update(ROOT, [late])
    until_found(database, "belkis", ["late"])
    assert found(database, "raube") == ["w"]
    database.remove(ROOT, [late.internal_id])
    assert found(database, "belkis") == []
    database.close()


def test_parts_of_words_are_found_no_more_when_nobody_wants_it(engine: Engine, tmp_path: Path) -> None:
    database = engine.opened(tmp_path)
    texts = [Attachment.text("a.txt", f"Umschrauben{number}") for number in range(120)]
    database.seat(ROOT, [entry(str(number), attachments=[text]) for number, text in enumerate(texts)])
    settle(database)
    passenger = entry("x").client_passenger
    everybody = [str(number) for number in range(120)]
    database.search_substrings(ROOT, [passenger])
    until_found(database, "schraub", everybody)
    database.close()
    database = engine.opened(tmp_path)
    assert sorted(found(database, "schraub")) == sorted(everybody)
    database.search_substrings(ROOT, [])
    assert found(database, "schraub") == []
    database.search_substrings(ROOT, [passenger])  # thought better of it
    until_found(database, "schraub", everybody)
    database.search_substrings(ROOT, [])
    database.close()
    database = engine.opened(tmp_path)
    until = time.monotonic() + PATIENCE
    while parts_kept(database):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert found(database, "umschrauben7 a.txt")
    database.search_substrings(ROOT, [passenger])
    until_found(database, "schraub", everybody)
    database.close()


def parts_kept(database: Database) -> int:
    store = database._parts.store  # type: ignore[attr-defined]
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(store.tables.substring)).scalar_one()


# Common words -------------------------------------------------------------------------------------------------------

FILTERS: list[dict[str, object]] = [
    {},
    {"descending": False},
    {"client_passenger": "letters"},
    {"status": QueueStatus.COMPLETE},
    {"source_system": "mail"},
    {"has_error": False, "status": QueueStatus.INCOMPLETE},
    {"pulled_from": minutes(5), "pulled_until": minutes(25)},
    {"order": QueueOrder.EXTERNAL_ID},
    {"order": QueueOrder.STATUS, "descending": False},
]


def pages(database: Database, query: Query) -> tuple[list[QueueRow], set[tuple[int, bool]]]:
    """Every page of a query, and the totals that they say."""
    rows: list[QueueRow] = []
    totals: set[tuple[int, bool]] = set()
    while True:
        page = database.queue_rows(replace(query, after=rows[-1] if rows else None))
        totals.add((page.total, page.more))
        if not page.rows:
            return rows, totals
        rows += page.rows


def many_with_a_common_word(database: Database) -> None:
    random_ = random.Random(1)
    database.create_client("demo")
    made = [
        entry(
            str(number),
            client_passenger=random_.choice(["orders", "letters"]),
            source_system=random_.choice(["shop", "mail"]),
            pulled_at=minutes(random_.randrange(30)),
            attachments=[Attachment.text("a.txt", "common" if number % 7 else "other")],
        )
        for number in range(60)
    ]
    for one in made[::3]:
        completed(one)
    database.seat("demo", [entry("x", attachments=[Attachment.text("a.txt", "common")])])
    database.seat(ROOT, made[:50])
    settle(database)
    database.remove(ROOT, [made[10].internal_id])
    database.seat(ROOT, [entry("common"), *made[50:]])  # some of these wait
    settle(database)


@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize("filters", FILTERS)
def test_common_words_are_found_like_others(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: dict[str, object], window: int
) -> None:
    database = engine.opened(tmp_path)
    many_with_a_common_word(database)
    query = Query(client_id=ROOT, text="comm", limit=4, **filters)  # type: ignore[arg-type]
    rows, totals = pages(database, query)
    third = database.queue_rows(replace(query, offset=8)).rows
    assert len(rows) > 12
    assert totals == {(len(rows), False)}
    monkeypatch.setattr(search_page, "WINDOW", window)
    monkeypatch.setattr(search_page, "COUNTED", 6)
    some, about = pages(database, query)
    assert some == rows
    ((total, more),) = about
    assert 4 < total < len(rows) if more else total == len(rows)
    assert database.queue_rows(replace(query, offset=8)).rows == third == rows[8:12]
    database.close()


def test_who_scrolls_through_what_common_words_find_is_told_of_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_page, "WINDOW", 3)
    monkeypatch.setattr(search_page, "COUNTED", 6)
    database = SQLITE.opened(tmp_path)
    many_with_a_common_word(database)
    query = Query(client_id=ROOT, text="comm", limit=4)
    rows: list[QueueRow] = []
    while True:
        page = database.queue_rows(replace(query, offset=len(rows)))
        rows += page.rows
        if not page.more:
            break
        assert page.total > len(rows)
    everything, _ = pages(database, query)
    assert rows == everything[: len(rows)]
    assert page.total == len(everything)
    database.close()


# Progress -----------------------------------------------------------------------------------------------------------


def test_who_watches_is_told_of_progress_and_of_its_end(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "TELL_SECONDS", 0)
    monkeypatch.setattr(indexer, "MUCH_WAITS", 400)
    monkeypatch.setattr(sql, "Indexer", Unwilling)
    database = engine.opened(tmp_path)
    made = [entry(str(number), attachments=[Attachment.text("a.txt", "screws")]) for number in range(1000)]
    database.seat(ROOT, made)
    assert database.search_progress() == SearchProgress(0, 1000)
    assert database.search_progress().is_behind
    database.close()
    monkeypatch.undo()
    monkeypatch.setattr(indexer, "TELL_SECONDS", 0)
    monkeypatch.setattr(indexer, "MUCH_WAITS", 400)
    told: list[SearchProgress] = []
    database = engine.make(tmp_path, on_indexed=lambda: told.append(database.search_progress()))
    database.open(Holder("tests"))
    until = time.monotonic() + PATIENCE
    while not told or told[-1].indexed < 1000:
        assert time.monotonic() < until, told
        time.sleep(0.02)
    assert 400 <= told[0].indexed < 1000
    assert not told[-1].is_behind
    database.close()


class Unwilling:
    """An indexer that lets everything wait."""

    def __init__(self, *parts: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_of_what_waits_only_the_newest_are_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "Indexer", Unwilling)
    monkeypatch.setattr(search, "BACKLOG", 10)
    database = SQLITE.opened(tmp_path)
    database.seat(ROOT, [entry(f"ORD-{number}") for number in range(30)])
    assert found(database, "ord") == [f"ORD-{number}" for number in range(29, 19, -1)]
    database.close()


# Against a model ----------------------------------------------------------------------------------------------------

WORDS = ["ab", "abc", "b", "ü", "über", "1"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)
WORK = st.lists(st.tuples(st.sampled_from(["seat", "change", "fail", "remove", "reopen"]), st.integers(0, 5), TEXTS))


@settings(max_examples=25, deadline=None)
@given(work=WORK.map(lambda steps: steps[:12]))
def test_a_search_agrees_with_a_model(
    tmp_path_factory: pytest.TempPathFactory, work: list[tuple[str, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("model")
    database = SQLITE.opened(folder)
    model: list[QueueEntry] = []
    for number, (task, which, text) in enumerate(work):
        one = model[which % len(model)] if model else None
        if task == "seat" or one is None:
            attachments = [Attachment.text("name", text)] if text else []
            model.append(entry(f"n{number}", source_system="s", attachments=attachments))
            database.seat(ROOT, [model[-1]])
        elif task == "change":
            one.attachments = [Attachment.text("name", text)]
            database.update(ROOT, [one])
        elif task == "fail":
            one.processors[0].fail(text)
            database.update(ROOT, [one])
        elif task == "remove":
            database.remove(ROOT, [one.internal_id])
            model.remove(one)
        else:
            database.close()
            database = SQLITE.opened(folder)
    settle(database)
    for first, second in itertools.product(WORDS, ["", *WORDS]):
        words = [word for word in (first, second) if word]
        expected = {one.external_id for one in model if all(has(one, word) for word in words)}
        assert set(found(database, " ".join(words))) == expected
        if second:
            phrase = {one.external_id for one in model if f" {first} {second} " in said(one)}
            assert set(found(database, f'"{first} {second}"')) == phrase
    database.close()


def said(one: QueueEntry) -> str:
    texts = [step.error for step in one.steps()]
    for attachment in one.attachments:
        texts += [attachment.name, attachment.read_text()]
    return f" {' '.join(' '.join(texts).split())} "


def has(one: QueueEntry, word: str) -> bool:
    return f" {word}" in said(one)


# Kill ---------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(180)
def test_nothing_is_lost_when_the_process_is_killed_while_it_indexes(engine: Engine, tmp_path: Path) -> None:
    facts: dict[str, set[str]] = defaultdict(set)
    moments = random.Random(20_260_310)
    for _ in range(KILLS):
        with engine.start("work", tmp_path) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            killer = threading.Timer(moments.uniform(0.3, 1.0), process.kill)
            killer.start()
            lines += process.stdout.readlines()
            killer.join()
        for fact, names in (json.loads(line) for line in lines if line.endswith("\n")):
            for name in names:
                facts[name].add(fact)
    database = engine.opened(tmp_path)
    settle(database)
    changed = {name for name, each in facts.items() if "changed" in each and "removing" not in each}
    assert len(changed) > KILLS
    present = Query(client_id=ROOT, limit=100_000)
    everything = {row.external_id for row in database.queue_rows(present).rows}
    second = {row.external_id for row in database.queue_rows(replace(present, text="second")).rows}
    first = {row.external_id for row in database.queue_rows(replace(present, text="first")).rows}
    assert changed <= second
    assert first | second == everything
    assert not first & second
    database.close()
