"""Archives from strangers: real zip files, real bombs, real escapes."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from databus_core import Attachment, DatabusError, Passenger, Processor
from databus_core.connectors.archive.unzip import Unzip, unzip_attachments
from databus_core.connectors.archive.zip_content import UnzipLimits
from databus_core.errors import AttachmentError
from tests.contracts.processor_contract import ProcessorContract
from tests.support.plug_ins import contents, make, stored


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files:
            archive.writestr(name, data, compression)
    return stream.getvalue()


def carrying(*archives: bytes) -> Passenger:
    passenger = Passenger(external_id="1", source_system="test")
    for archive in archives:
        passenger.attach(Attachment.binary("orders.zip", archive))
    return passenger


def out_of(archive: bytes, *extensions: str, **options: object) -> dict[str, bytes]:
    passenger = carrying(archive)
    unzip_attachments(passenger, extensions, **options)  # type: ignore[arg-type]
    return {name: data for name, data in contents(passenger).items() if name != "orders.zip"}


class TestUnzip(ProcessorContract):
    def processor(self, folder: Path) -> Processor:
        return make(Unzip, folder, depth=3)

    def passenger(self) -> Passenger:
        inner = zipped(("c.txt", b"c"), ("deeper.zip", zipped(("d.txt", b"d"))))
        return carrying(zipped(("a.txt", b"a")), zipped(("a.txt", b"other a"), ("inner.zip", inner)))


def test_bytes_are_untouched_and_the_archive_stays():
    text = "Zeile 1\r\nZeile 2\n\tä\r".encode()
    passenger = carrying(zipped(("a/order.csv", text), ("a/", b""), ("all.bin", bytes(range(256)))))
    attached = unzip_attachments(passenger)
    assert contents(passenger)["order.csv"] == text
    assert contents(passenger)["all.bin"] == bytes(range(256))
    assert [a.name for a in passenger.attachments] == ["orders.zip", "order.csv", "all.bin"]
    assert [(a.name, a.format.value) for a in attached] == [("order.csv", "text"), ("all.bin", "binary")]


def test_only_wanted_extensions_come_out():
    archive = zipped(("a.XLSX", b"1"), ("b.xls", b"2"), ("c.txt", b"3"), ("xlsx", b"4"))
    assert out_of(archive, ".xlsx", "XLS") == {"a.XLSX": b"1", "b.xls": b"2"}


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "/etc/passwd",
        "C:\\Windows\\passwd",
        "\\\\server\\share\\passwd",
        "a/../passwd",
        "./passwd",
    ],
)
def test_no_name_leads_anywhere(name: str):
    assert out_of(zipped((name, b"x"))) == {"passwd": b"x"}


def test_links_folders_and_what_macos_adds_are_passed_over():
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    archive = zipped((link, b"/etc/passwd"), ("__MACOSX/._a.txt", b"x"), ("folder/", b""), ("a.txt", b"a"))
    assert out_of(archive) == {"a.txt": b"a"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_in_any_encoding_and_twice_give_distinct_attachments():
    old = zipfile.ZipInfo("Auftr\u00e4ge.xlsx".encode("cp437").decode("cp437"))
    archive = zipped(
        (old, b"1"), ("Auftr\u00e4ge.xlsx", b"2"), ("注文.xlsx", b"3"), ("x/a.txt", b"4"), ("y/A.txt", b"5")
    )
    assert out_of(archive) == {
        "Auftr_ge.xlsx": b"1",
        "Auftr_ge_2.xlsx": b"2",
        "attachment.xlsx": b"3",
        "a.txt": b"4",
        "A_2.txt": b"5",
    }


def test_archives_in_archives_come_out_down_to_the_depth():
    archive = zipped(("1.zip", zipped(("2.zip", zipped(("a.txt", b"a"))), ("b.txt", b"b"))))
    assert list(out_of(archive)) == ["1.zip"]
    assert list(out_of(archive, depth=2)) == ["1.zip", "2.zip", "b.txt"]
    assert list(out_of(archive, depth=3)) == ["1.zip", "2.zip", "a.txt", "b.txt"]
    assert out_of(archive, "txt", depth=3) == {"a.txt": b"a", "b.txt": b"b"}


def test_long_files_are_unzipped_when_they_are_read():
    data = random.Random(1).randbytes(3 << 20)
    nested = zipped(("inner.zip", zipped(("long.bin", data), ("after.txt", b"x"))), compression=zipfile.ZIP_STORED)
    found = out_of(nested, depth=2)
    assert found["long.bin"] == data
    assert found["after.txt"] == b"x"


# Bombs and damage ------------------------------------------------------------------------------------------------


def refused(archive: bytes, why: str, limits: UnzipLimits | None = None, depth: int = 1) -> None:
    """The archive is an error in words that names it, and the passenger stays as it was."""
    passenger = carrying(archive)
    before = stored(passenger)
    with pytest.raises(AttachmentError, match=rf"Archive '[a-z_]+\.zip' .*{why}"):
        unzip_attachments(passenger, limits=limits, depth=depth)
    assert contents(passenger) == contents(before)
    assert passenger.properties == before.properties


def test_a_bomb_is_stopped_by_what_comes_out_and_not_by_what_it_claims():
    bomb = zipped(("zeros", bytes(60 << 20)))
    assert len(bomb) < 70_000
    refused(bomb, "more than 200 times as long")
    refused(bomb, "more than 1000000 bytes come out", UnzipLimits(total_bytes=1_000_000))


def test_the_limits_hold_for_all_archives_of_a_passenger_together():
    archive = zipped(*((f"{n}.txt", b"x" * 100) for n in range(6)))
    for limits, why in ((UnzipLimits(files=10), "10 files"), (UnzipLimits(total_bytes=1000), "1000 bytes")):
        passenger = carrying(archive, archive)
        with pytest.raises(AttachmentError, match=why):
            unzip_attachments(passenger, limits=limits)
    assert len(unzip_attachments(carrying(archive, archive), limits=UnzipLimits(files=12, total_bytes=1200))) == 12


def test_a_bomb_inside_an_archive_is_stopped_too():
    refused(zipped(("inner.zip", zipped(("zeros", bytes(60 << 20))))), "times as long", depth=2)


def test_a_size_that_lies_is_damage():
    honest = zipped(("zeros", bytes(100_000)))
    assert honest.count(struct.pack("<I", 100_000)) == 2
    refused(honest.replace(struct.pack("<I", 100_000), struct.pack("<I", 10)), "cannot be unzipped")


def test_an_encrypted_archive_is_an_error():
    raw = bytearray(zipped(("secret.txt", b"x")))
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        raw[raw.index(signature) + offset] |= 1
    refused(bytes(raw), "is encrypted")


@pytest.mark.parametrize(
    "raw", [b"", b"no archive", zipped(("a.txt", b"x" * 1000))[:-30]], ids=["empty", "text", "cut"]
)
def test_a_damaged_archive_is_an_error(raw: bytes):
    refused(raw, "cannot be unzipped: ")


WHOLE = zipped(("a.txt", b"hello " * 50), ("b/c.bin", bytes(range(200))))


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
@example(at=WHOLE.index(b"a.txt", 1 + WHOLE.index(b"a.txt")), junk=b"\0")  # a file without a name
def test_damage_anywhere_is_attachments_or_an_error_in_words(at: int, junk: bytes):
    passenger = carrying(WHOLE[:at] + junk + WHOLE[at + len(junk) :])
    why = ""
    try:
        unzip_attachments(passenger)
    except DatabusError as error:
        why = str(error)
    if why:
        assert "'orders.zip'" in why
        assert len(passenger.attachments) == 1
    else:
        assert all(attachment.read_bytes() is not None for attachment in passenger.attachments)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=20)), max_size=5))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_names_come_out_clean_and_none_gets_lost(files: list[tuple[str, bytes]]):
    storable = [
        (name.replace("\0", ""), data) for name, data in files if name.encode("utf-8", "ignore").decode() == name
    ]
    wanted = [data for name, data in storable if name and not name.endswith("/") and not name.startswith("__MACOSX/")]
    passenger = carrying(zipped(*((name, data) for name, data in storable if name)))
    attached = unzip_attachments(passenger)
    assert [attachment.read_bytes() for attachment in attached] == wanted
