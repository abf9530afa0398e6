"""E-mails: every kind that a stranger may send, and the inbox folder."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from build_scripts import make_demo_mails
from databus_core import Attachment, DatabusError, Dispatcher, LeaveOut, Log, Passenger, Processor, Puller
from databus_core.connectors.email.excel_filter import ExcelFilter
from databus_core.connectors.email.folder_puller import EmailFolderPuller
from databus_core.connectors.email.parser import parse_email
from databus_core.connectors.email.passenger import Email
from tests.contracts.processor_contract import ProcessorContract
from tests.contracts.puller_contract import PullerContract
from tests.support.plug_ins import contents, make, messages, stored, tree
from tests.support.stage import ticket_with

LONG_AGO = 1_700_000_000


def parsed(raw: bytes) -> Email:
    return parse_email(raw, origin="mail.eml", source_system="test")


def lines(*text: str) -> bytes:
    return "\r\n".join(text).encode()


def simple(*headers: str, body: str = "Hello\r\n") -> bytes:
    return lines("From: a@b.example", *headers, "", body)


def multipart(*parts: bytes, kind: str = "mixed", end: bytes = b"--x--\r\n") -> bytes:
    head = f'From: a@b.example\r\nContent-Type: multipart/{kind}; boundary="x"\r\n\r\n'.encode()
    return head + b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def part(headers: str, body: bytes | str) -> bytes:
    return headers.encode() + b"\r\n\r\n" + (body if isinstance(body, bytes) else body.encode())


PLAIN = part("Content-Type: text/plain", "Hello")


# Facts -----------------------------------------------------------------------------------------------------------


def test_the_facts_of_a_mail():
    email = parsed(
        simple(
            "To: =?utf-8?q?M=C3=BCller=2C_J?= <j@m.example>, plain@m.example",
            'Cc: "Öztürk, Ç" <c@o.example>',
            "Subject: =?utf-8?b?U2lwYXJpxZ8=?= 12",
            "Date: Mon, 23 Nov 2026 09:28:00 +0100",
            "Message-ID: <1@b.example>",
        )
    )
    assert (email.external_id, email.message_id, email.source_system) == ("<1@b.example>", "<1@b.example>", "test")
    assert (email.subject, email.sender) == ("Sipariş 12", "a@b.example")
    assert email.recipients == ["Müller, J <j@m.example>", "plain@m.example", "Öztürk, Ç <c@o.example>"]
    assert email.sent_at == datetime(2026, 11, 23, 8, 28, tzinfo=UTC)
    assert email.text == "Hello\r\n"
    again = stored(email)
    assert (again.subject, again.recipients, again.sent_at, again.html) == (
        email.subject,
        email.recipients,
        email.sent_at,
        "",
    )


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("=?utf-8?b?R3LDvMOf?= =?utf-8?b?ZQ==?=", "Grüße"),
        ("=?utf-8?q?Gr=C3=BC=C3?=\r\n =?utf-8?q?=9Fe?= an alle", "Grüße an alle"),
        ("=?iso-8859-1?q?100_=80?=", "100 €"),
        ("=?no-such-set?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?b?!!!?= x", "x"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("raw UTF-8 İstanbul", "raw UTF-8 İstanbul"),
        ("folded\r\n\tline", "folded line"),
        ("bell\x07 and nul\x00", "bell  and nul"),
        ("=?utf-7?q?+2AA-?=", "+2AA-"),
    ],
)
def test_subjects_are_readable_however_they_are_encoded(header: str, subject: str):
    assert parsed(simple(f"Subject: {header}")).subject == subject


def test_a_subject_in_western_bytes_without_any_encoding():
    assert parsed(b"From: a@b.example\nSubject: Gr\xfc\xdfe\n\nx").subject == "Grüße"


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Foo 2026 99:99:99 +9999", "1 Jan 9999 00:00:00 -0100"])
def test_a_date_that_is_none_is_no_date(date: str):
    assert parsed(simple(f"Date: {date}")).sent_at is None


def test_without_message_id_the_content_is_the_id():
    first, other = simple("Subject: 1"), simple("Subject: 2")
    assert parsed(first).external_id == parsed(first).external_id != parsed(other).external_id
    assert parsed(first).message_id == ""
    assert len(parsed(simple(f"Message-ID: <{'x' * 1000}>")).external_id) < 100


# Bodies and attachments ------------------------------------------------------------------------------------------


def test_bodies_are_attachments_in_front_and_keep_their_names():
    email = parsed(
        multipart(
            part('Content-Type: text/plain; name="body.html"', "an attachment"),
            part("Content-Type: text/html; charset=iso-8859-9", "<p>İstanbul</p>".encode("iso-8859-9")),
            part("Content-Type: text/plain; charset=utf-8", "Grüße"),
        )
    )
    assert [a.name for a in email.attachments] == ["body.txt", "body.html", "body_2.html"]
    assert (email.text, email.html) == ("Grüße", "<p>İstanbul</p>")
    assert contents(email)["body_2.html"] == b"an attachment"


@pytest.mark.parametrize(
    ("content_type", "data", "text"),
    [
        ("text/plain; charset=utf-8", "ü".encode("cp1252"), "ü"),
        ("text/plain; charset=nonsense", "ü".encode(), "ü"),
        ("text/plain; charset=us-ascii", "ü".encode(), "ü"),
        ("text/plain; charset*=x''%FF", "ü".encode(), "ü"),
        ("text/plain; charset=utf-16", "ü".encode("utf-16"), "ü"),
        ("text/plain; charset=idna", "ü".encode(), "ü"),
        ("text/plain; charset=base64", b"eA==", "eA=="),
    ],
)
def test_a_wrong_or_rare_character_set_costs_no_text(content_type: str, data: bytes, text: str):
    encoded = base64.b64encode(data).decode()
    email = parsed(simple(f"Content-Type: {content_type}", "Content-Transfer-Encoding: base64", body=encoded))
    assert email.text == text


def test_attachments_without_a_name_or_of_the_same_name_all_arrive():
    email = parsed(
        multipart(
            PLAIN,
            part("Content-Type: application/pdf\r\nContent-Disposition: attachment", "1"),
            part("Content-Type: application/x-unheard-of", "2"),
            part('Content-Type: image/png; name="logo.png"\r\nContent-Disposition: inline', "3"),
            part('Content-Type: image/png; name="LOGO.png"\r\nContent-ID: <logo>', "4"),
            part("Content-Type: text/plain", "second text"),
            part('Content-Disposition: attachment; filename="../../etc/passwd"', "5"),
            part("Content-Disposition: attachment; filename*=utf-8''%E6%B3%A8.xlsx", "6"),
            part('Content-Disposition: attachment; filename="=?utf-8?q?Gr=C3=B6=C3=9Fe.XLS?="', "7"),
        )
    )
    assert contents(email) == {
        "body.txt": b"Hello",
        "attachment.pdf": b"1",
        "attachment.bin": b"2",
        "logo.png": b"3",
        "LOGO_2.png": b"4",
        "attachment.txt": b"second text",
        "passwd": b"5",
        "attachment.xlsx": b"6",
        "Gr_e.XLS": b"7",
    }
    assert [a.name for a in email.excel_attachments] == ["attachment.xlsx", "Gr_e.XLS"]


def test_binary_content_is_untouched_and_western_csv_is_not_called_text():
    data = bytes(range(256)) * 20
    message = EmailMessage()
    message["From"] = "a@b.example"
    message.set_content("x")
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename="all.bin")
    message.add_attachment("größe;1\r\n".encode("cp1252"), maintype="text", subtype="csv", filename="w.csv")
    message.add_attachment("größe;1\r\n".encode(), maintype="text", subtype="csv", filename="u.csv")
    message.add_attachment(b"<a/>", maintype="text", subtype="xml", filename="order.XML")
    email = parsed(message.as_bytes())
    assert contents(email)["all.bin"] == data
    assert contents(email)["w.csv"] == "größe;1\r\n".encode("cp1252")
    assert [a.format.value for a in email.attachments] == ["text", "binary", "binary", "text", "text"]
    assert [a.name for a in email.xml_attachments] == ["order.XML"]


def inner_mail() -> bytes:
    return lines(
        "From: =?utf-8?q?J=C3=BCrgen?= <j@x.example>",
        "To: a long list,\r\n\tof@people.example",
        "Subject: Inner / mail",
        'Content-Type: multipart/mixed; boundary="in"',
        "\r\npreamble",
        "--in\r\nContent-Type: text/plain\r\n\r\nInner text",
        '--in\r\nContent-Type: text/csv; name="order.csv"\r\nContent-Transfer-Encoding: base64\r\n\r\nYTtiCg==',
        "--in--\r\n",
    )


def test_a_mail_within_the_mail_is_an_attachment_as_it_was_sent_and_its_attachments_are_too():
    email = parsed(multipart(PLAIN, part("Content-Type: message/rfc822", inner_mail())))
    assert list(contents(email)) == ["body.txt", "Inner_mail.eml", "order.csv"]
    assert contents(email)["Inner_mail.eml"].strip() == inner_mail().strip()
    assert contents(email)["order.csv"] == b"a;b\n"
    inner = parsed(contents(email)["Inner_mail.eml"])
    assert (inner.text, inner.sender) == ("Inner text", "Jürgen <j@x.example>")


def test_a_mail_within_the_mail_that_is_encoded_against_the_standard():
    encoded = base64.encodebytes(inner_mail())
    nested = part("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", encoded)
    email = parsed(multipart(PLAIN, nested))
    assert list(contents(email)) == ["body.txt", "message.eml", "order.csv"]
    assert contents(email)["message.eml"] == inner_mail()


def test_a_mail_that_is_one_attachment():
    headers = ("Content-Type: application/pdf; name=o.pdf", "Content-Transfer-Encoding: base64")
    assert contents(parsed(simple(*headers, body="JVBERg=="))) == {"o.pdf": b"%PDF"}


def test_a_mail_may_be_another_kind_of_passenger():
    passenger = parse_email(simple("Subject: x"), origin="m", source_system="s", passenger_class=Passenger)
    assert type(passenger) is Passenger
    assert passenger.properties["subject"] == "x"


# What is no mail, or not all of it -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is empty"),
        (b" \r\n\r\n", "it is empty"),
        (bytes(range(256)) * 10, "it has none of the headers"),
        (b"PK\x03\x04: from", "it has none of the headers"),
        (b"Note: this is no mail\n\nx", "it has none of the headers"),
        ("From: a@b.example\n\nx".encode("utf-16"), "it has none of the headers"),
        (multipart(PLAIN, PLAIN, end=b""), "content is missing"),
        (multipart(), "content is missing"),
        (lines("From: a@b.example", "Content-Type: multipart/mixed", "", "--x", "", "lost"), "content is missing"),
        (simple("Content-Transfer-Encoding: base64", body="YWJjZ"), "content is missing"),
        (multipart(*[PLAIN] * 1100), "more than 1000 parts"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_mail_and_says_why(raw: bytes, why: str):
    with pytest.raises(DatabusError, match=rf"^mail\.eml is not a readable e-mail: .*{why}"):
        parsed(raw)


@pytest.mark.parametrize("levels", [25, 500])
def test_mails_nested_without_end_are_an_error(levels: int):
    raw = b"From: a@b.example\n\nx"
    for _ in range(levels):
        raw = b"From: a@b.example\nContent-Type: message/rfc822\n\n" + raw
    with pytest.raises(DatabusError, match="nested"):
        parsed(raw)


def test_a_byte_order_mark_and_a_separator_of_a_mailbox_do_no_harm():
    assert parsed(b"\xef\xbb\xbf" + simple("Subject: x")).subject == "x"
    assert parsed(b"From a@b Mon Nov 23 09:00:00 2026\n" + simple("Subject: x")).subject == "x"


DEMO_MAILS = [raw for raw in make_demo_mails.mails().values() if len(raw) < 9000]


@given(st.sampled_from(DEMO_MAILS), st.data())
def test_a_mail_damaged_anywhere_is_a_passenger_or_an_error_in_words(raw: bytes, data: st.DataObject):
    at = data.draw(st.integers(0, min(len(raw), 1500)))
    cut = data.draw(st.integers(0, 40))
    _passenger_or_error(raw[:at] + data.draw(st.binary(max_size=20)) + raw[at + cut :])


HEADER_NAMES = st.sampled_from(
    ["From", "To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]
)
PIECES = st.sampled_from(
    [
        *("multipart/mixed", "message/rfc822", "text/plain", "base64", "attachment", "boundary=x", "filename="),
        *("charset*0*=utf-8''", "name*1=", "=?utf-8?q?", "?=", "=?x?b?", "%FF", "99999", "é", "\x00"),
        *("; ", '"', "\n ", "\r", "<", ">", "@", ",", "(", ")"),
    ]
)


@given(
    st.lists(st.tuples(HEADER_NAMES, st.lists(PIECES, max_size=6)), max_size=8), st.lists(PIECES | st.just("\n--x\n"))
)
@example([("From", ["a"]), ("Content-Type", ["text/plain", "; ", "charset*0*=utf-8''", "%FF"])], [])
def test_headers_and_bodies_of_any_nonsense(headers: list[tuple[str, list[str]]], body: list[str]):
    text = "".join(f"{name}: {''.join(value)}\n" for name, value in headers) + "\n" + "".join(body)
    _passenger_or_error(text.encode())


def _passenger_or_error(raw: bytes) -> None:
    email, why = None, ""
    try:
        email = parsed(raw)
    except DatabusError as error:
        why = str(error)
    if email is None:
        assert why.startswith("mail.eml is not a readable e-mail: ")
    else:
        assert email.external_id
        again = stored(email)
        assert (again.subject.encode(), again.sender.encode(), again.sent_at) == (
            email.subject.encode(),
            email.sender.encode(),
            email.sent_at,
        )
        assert all(len(data) == email.attachment(name).size for name, data in contents(email).items())  # type: ignore[union-attr]


# The inbox -------------------------------------------------------------------------------------------------------


def put(folder: Path, name: str, raw: bytes, age: int = LONG_AGO) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(raw)
    os.utime(folder / name, (age, age))
    return folder / name


def puller(folder: Path, /, **arguments: Any) -> EmailFolderPuller:
    return make(EmailFolderPuller, folder, Email, folder="inbox", **arguments)


class TestEmailFolderPuller(PullerContract):
    def puller(self, folder: Path) -> Puller:
        if not (folder / "inbox").exists():
            for number, (name, raw) in enumerate(make_demo_mails.mails().items()):
                put(folder / "inbox", name, raw, LONG_AGO + number)
        return puller(folder)

    def source(self, folder: Path) -> object:
        return tree(folder)


def test_a_mail_that_cannot_be_read_stays_and_is_an_error_on_each_trip(tmp_path: Path):
    put(tmp_path / "inbox", "bad.eml", b"no mail")
    put(tmp_path / "inbox", "good.eml", simple("Message-ID: <1>"))
    put(tmp_path / "inbox", "other.txt", b"no mail either")
    for expected in (["<1>"], []):
        trip = puller(tmp_path)
        found = list(trip.pull())
        trip.notify_passengers_seated(found)
        assert [p.external_id for p in found] == expected
        assert messages(trip)[0].startswith("error: bad.eml stays in ")
        assert "bad.eml is not a readable e-mail" in messages(trip)[0]
    assert set(tree(tmp_path)) == {"archive/good.eml", "inbox/bad.eml", "inbox/other.txt"}


def test_the_same_mail_in_two_files_is_one_passenger_and_both_files_go(tmp_path: Path):
    put(tmp_path / "inbox", "a.eml", simple("Message-ID: <1>"), LONG_AGO)
    put(tmp_path / "inbox", "copy of a.eml", simple("Message-ID: <1>"), LONG_AGO + 1)
    trip = puller(tmp_path)
    found = list(trip.pull())
    assert [p.external_id for p in found] == ["<1>", "<1>"]
    trip.notify_passengers_seated(found[:1])
    assert set(tree(tmp_path)) == {"archive/a.eml", "inbox/copy of a.eml"}, "it may be another mail"
    trip.notify_passengers_seated(found[1:])
    assert set(tree(tmp_path)) == {"archive/a.eml", "archive/copy of a.eml"}


ORDER = simple("Date: Mon, 23 Nov 2026 09:28:00 +0100", "Subject: Order", "Message-ID: <1>", body="10 screws\r\n")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (ORDER.replace(b"\r\n", b"\n"), True),
        (b"Received: by b.example\r\nDelivered-To: c@d.example\r\n" + ORDER, True),
        (ORDER + b"\r\n\r\n", True),
        (ORDER.replace(b"10", b"11"), False),
        (ORDER.replace(b": Order", b": 2nd order"), False),
        (ORDER.replace(b"23 Nov", b"24 Nov"), False),
        (ORDER.replace(b"a@b", b"x@b"), False),
    ],
)
def test_a_fingerprint_is_of_the_mail_and_not_of_its_way(other: bytes, same: bool):
    assert (parsed(other).fingerprint == parsed(ORDER).fingerprint) is same


class Inbox:
    """Mails in a folder whose texts are delivered into another, by a dispatcher that is new for each trip."""

    def __init__(self, folder: Path, **arguments: Any) -> None:
        self.folder = folder
        module = "databus_core.connectors.email.folder_puller"
        mails = {
            "name": "mails",
            "pullers": [{"module": module, "arguments": {"folder": "inbox"} | arguments}],
            "pushers": [{"module": "databus_core.connectors.folder.pusher", "arguments": {"folder": "outbox"}}],
        }
        self.ticket = ticket_with(folder, root=[], demo=[mails])

    async def drive(self) -> Log:
        dispatcher = Dispatcher(self.ticket)
        await dispatcher.start(paused=True)
        log = await dispatcher.drive("demo", "mails")
        await dispatcher.shut_down()
        return log

    async def waiting(self) -> list[tuple[str, bool]]:
        """The file of each mail that peek shows, and whether it is new."""
        dispatcher = Dispatcher(self.ticket)
        await dispatcher.start(paused=True)
        (shown,) = await dispatcher.peek("demo", "mails")
        await dispatcher.shut_down()
        return [(item.passenger.origin, item.known is None) for item in shown.items]

    def delivered(self) -> list[str]:
        return sorted(path.read_text().strip() for path in self.folder.glob("outbox/*/body.txt"))

    def seated(self) -> dict[str, str]:
        """Internal ids by external id."""
        found = [json.loads(file.read_text()) for file in self.files()]
        return {document["external_id"]: document["internal_id"] for document in found}

    def files(self) -> list[Path]:
        """The seated passengers' files."""
        return list(self.folder.glob("data/clients/demo/pqueue/*/passenger.json"))

    def set(self, **options: Any) -> None:
        config = self.folder / "data/clients/demo/config.json"
        document = json.loads(config.read_text())
        document["passengers"][0] |= options
        config.write_text(json.dumps(document))


def told(log: Log, kind: str) -> list[str]:
    return [entry.message for entry in log.entries if entry.type == kind]


@pytest.mark.parametrize("at_once", [True, False])
async def test_two_mails_of_one_message_id_are_both_delivered_and_told_of(tmp_path: Path, at_once: bool):
    inbox = Inbox(tmp_path)
    put(tmp_path / "inbox", "a.eml", ORDER)
    if not at_once:
        assert (await inbox.drive()).worst == "info"
    put(tmp_path / "inbox", "b.eml", ORDER.replace(b"10", b"11"), LONG_AGO + 1)
    put(tmp_path / "inbox", "c.eml", ORDER.replace(b"10", b"12"), LONG_AGO + 2)
    put(tmp_path / "inbox", "copy of b.eml", ORDER.replace(b"10", b"11"), LONG_AGO + 3)
    assert [is_new for _, is_new in (await inbox.waiting())[-3:]] == [True] * 3
    log = await inbox.drive()
    assert inbox.delivered() == ["10 screws", "11 screws", "12 screws"]
    seated = inbox.seated()
    first = seated.pop("<1>")
    b, c = told(log, "warning")
    assert b.startswith(f"b.eml has the id '<1>' of passenger {first}, but another content: it is seated as")
    assert c.startswith(f"c.eml has the id '<1>' of passenger {first}")
    assert all(external_id.startswith("<1> sha256:") for external_id in seated)
    assert all(internal_id in b + c for internal_id in seated.values())
    assert not log.has_errors
    assert not list((tmp_path / "inbox").iterdir())
    assert {path.name for path in (tmp_path / "archive").iterdir()} == {"a.eml", "b.eml", "c.eml", "copy of b.eml"}


async def test_the_very_same_mails_again_are_not_delivered_again_nor_warned_of(tmp_path: Path):
    """As after a crash between the seat and the archive, in a folder whose files stay, and after the purge."""
    inbox = Inbox(tmp_path, when_seated="keep")
    put(tmp_path / "inbox", "a.eml", ORDER)
    put(tmp_path / "inbox", "b.eml", ORDER.replace(b"10", b"11"), LONG_AGO + 1)
    assert len(told(await inbox.drive(), "warning")) == 1
    put(tmp_path / "inbox", "copy of a.eml", b"Received: by b.example\r\n" + ORDER, LONG_AGO + 2)
    assert await inbox.waiting() == [("a.eml", False), ("b.eml", False), ("copy of a.eml", False)]
    assert (await inbox.drive()).worst == "info"
    inbox.set(queue_life_span=0)
    await inbox.drive()
    assert inbox.seated() == {}
    assert (await inbox.drive()).worst == "info"
    assert inbox.delivered() == ["10 screws", "11 screws"]
    put(tmp_path / "inbox", "c.eml", ORDER.replace(b"10", b"12"), LONG_AGO + 3)
    (warning,) = told(await inbox.drive(), "warning")
    assert warning.startswith("c.eml has the id '<1>' of a passenger that was delivered and removed, but another")
    assert inbox.delivered() == ["10 screws", "11 screws", "12 screws"]


async def test_a_mail_seated_before_mails_had_fingerprints_is_not_delivered_again(tmp_path: Path):
    inbox = Inbox(tmp_path, when_seated="keep")
    put(tmp_path / "inbox", "a.eml", ORDER)
    await inbox.drive()
    (file,) = inbox.files()
    document = json.loads(file.read_text())
    assert document["external_id"] == "<1>"
    del document["properties"]["fingerprint"]
    file.write_text(json.dumps(document))
    assert (await inbox.drive()).worst == "info"
    assert list(inbox.seated()) == ["<1>"]


async def test_another_mail_of_a_known_id_whose_attachment_cannot_be_read_stays(tmp_path: Path):
    inbox = Inbox(tmp_path)
    put(tmp_path / "inbox", "a.eml", ORDER)
    await inbox.drive()
    message = make_demo_mails.mail(1, "a@b.example", "long", "x")
    del message["Message-ID"]
    message["Message-ID"] = "<1>"
    message.add_attachment(b"a" * (2 << 20), maintype="application", subtype="x", filename="long.bin")
    path = put(tmp_path / "inbox", "b.eml", message.as_bytes())
    plug_in = tmp_path / "plugins/spoiler.py"
    plug_in.parent.mkdir()
    plug_in.write_text(
        "from databus_core.connectors.email.folder_puller import EmailFolderPuller\n"
        "class Spoiler(EmailFolderPuller):\n"
        "    def pull(self):\n"
        "        for passenger in super().pull():\n"
        "            for file in self.arguments.folder.iterdir(): file.touch()\n"
        "            yield passenger\n"
    )
    inbox.set(pullers=[{"module": "spoiler", "arguments": {"folder": "inbox"}}])
    log = await inbox.drive()
    assert "has changed" in log.errors[0].message
    assert told(log, "warning") == []
    assert path.exists()
    assert list(inbox.seated()) == ["<1>"]


def test_another_mail_under_the_name_of_a_seated_one_is_not_archived_unread(tmp_path: Path):
    put(tmp_path / "inbox", "1.eml", simple("Message-ID: <old>"))
    old = [stored(p) for p in puller(tmp_path).pull()]
    put(tmp_path / "inbox", "1.eml", simple("Message-ID: <new>"), LONG_AGO + 1)
    trip = puller(tmp_path)
    trip.notify_passengers_seated(old)
    assert [p.external_id for p in trip.pull()] == ["<new>"]


def test_long_attachments_are_read_from_the_mail_when_they_are_asked_for(tmp_path: Path):
    message = make_demo_mails.mail(1, "a@b.example", "long", "x")
    for letter in (b"a", b"b"):
        message.add_attachment(letter * (2 << 20), maintype="application", subtype="x", filename="long.bin")
    path = put(tmp_path / "inbox", "long.eml", message.as_bytes())
    (email,) = puller(tmp_path).pull()
    long = email.attachments[2]
    assert (long.name, long.size, long.read_bytes()) == ("long_2.bin", 2 << 20, b"b" * (2 << 20))
    put(tmp_path / "inbox", path.name, b"something else")
    with pytest.raises(DatabusError, match="has changed"):
        long.read_bytes()


# The filter ------------------------------------------------------------------------------------------------------


class TestExcelFilter(ProcessorContract):
    def processor(self, folder: Path) -> Processor:
        return make(ExcelFilter, folder)

    def passenger(self) -> Passenger:
        return parsed(make_demo_mails.mails()["01_simple.eml"])


@pytest.mark.parametrize(
    ("name", "passes"), [("a.XLSX", True), ("a.xls", True), ("a.xlsm", True), ("a.csv", False), ("xlsx", False)]
)
def test_only_mails_with_excel_pass(tmp_path: Path, name: str, passes: bool):
    email = Email(external_id="1", source_system="s")
    email.attach(Attachment.binary(name, b""))
    assert make(ExcelFilter, tmp_path).process(email) == (None if passes else LeaveOut("no Excel attachment"))
