"""Attachments: names that any file system takes, content that is read when it is asked for."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from databus_core import Attachment, Passenger
from databus_core.errors import AttachmentError
from databus_core.model.attachment import clean_name, unique_name


@given(st.text())
def test_any_name_becomes_clean(name: str):
    cleaned = clean_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_.]{1,201}", cleaned)
    assert not cleaned.startswith(".")
    assert clean_name(cleaned) == cleaned


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Bestellung Nr. 4711.xlsx", "Bestellung_Nr._4711.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\order.xml", "order.xml"),
        ("", "attachment"),
        ("..", "attachment"),
        ("NUL.txt", "_NUL.txt"),
    ],
)
def test_names_keep_what_they_can(name: str, cleaned: str):
    assert clean_name(name) == cleaned


@given(st.lists(st.text(max_size=12), max_size=12))
def test_attached_names_are_unique_in_any_case(names: list[str]):
    passenger = Passenger(external_id="1", source_system="s")
    for name in names:
        passenger.attach(Attachment.text(name, ""))
    lowered = [attachment.name.lower() for attachment in passenger.attachments]
    assert len(set(lowered)) == len(names)


def test_unique_names_keep_their_extension():
    assert unique_name("a.xlsx", {"a.xlsx", "a_2.xlsx"}) == "a_3.xlsx"


def test_content_is_not_read_before_it_is_asked_for(tmp_path: Path):
    attachment = Attachment.from_file(tmp_path / "big.bin")
    with pytest.raises(AttachmentError, match=r"big\.bin"):
        attachment.read_bytes()
    (tmp_path / "big.bin").write_bytes(b"0123456789")
    assert attachment.size == 10
    assert attachment.read_bytes(4) == b"0123"


def test_text_keeps_its_line_ends_and_wrong_text_is_an_error():
    assert Attachment.text("a", "x\r\ny\n").read_text() == "x\r\ny\n"
    assert Attachment.binary("a", b"\xef\xbb\xbfx").read_text() == "x"
    with pytest.raises(AttachmentError, match="not UTF-8"):
        Attachment.binary("a", b"\xff").read_text()
