"""The contract of databases, kept by what a trip in a child process has for one, over every engine."""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest

from databus_core.database.json_files.content import StoredContent
from databus_core.errors import AttachmentError
from databus_core.model.attachment import Attachment, AttachmentFormat
from databus_core.model.client import ROOT
from databus_core.plugins.database import Database
from tests.contracts.test_database import *  # noqa: F403 - the suite itself
from tests.support.engines import JSON_FILES
from tests.support.entries import entry
from tests.support.far import FAR_ENGINES, FarEngine, far


@pytest.fixture(params=FAR_ENGINES, ids=str)
def engine(request: pytest.FixtureRequest) -> FarEngine:
    """Each engine in turn."""
    request.param.require()
    return request.param


class Made:
    """A content as a plug-in may write one, in a class that the dispatcher's process does not know."""

    size = 3 << 20

    def open(self) -> BinaryIO:
        class Stream(io.BytesIO):
            def seekable(self) -> bool:
                return False

        return Stream(b"abc" * (1 << 20))


class Broken(Made):
    def open(self) -> BinaryIO:
        raise PermissionError("it is locked")


def test_contents_of_a_plug_ins_own_kind_are_read_where_they_are(database: Database) -> None:
    made = entry(attachments=[Attachment("made.txt", AttachmentFormat.TEXT, Made())])
    assert database.seat(ROOT, [made]) == [True]
    assert made.attachments[0].read_bytes() == b"abc" * (1 << 20)
    stored = database.entry(ROOT, made.internal_id)
    with stored.attachments[0].open() as stream:
        stream.seek(-2, io.SEEK_END)
        assert stream.read() == b"bc"
        stream.seek((2 << 20) + 1)
        assert stream.read(4) == (b"abc" * 4)[(2 << 20) % 3 + 1 :][:4]


def test_a_content_that_cannot_be_read_is_an_error_in_words(database: Database) -> None:
    broken = entry(attachments=[Attachment("made.txt", AttachmentFormat.TEXT, Broken())])
    with pytest.raises(AttachmentError, match="it is locked") as raised:
        database.seat(ROOT, [broken])
    assert "PermissionError: it is locked" in str(raised.value.__cause__), "the log tells where it was raised"


def test_a_content_that_was_not_touched_comes_back_as_the_same_object(tmp_path: Path) -> None:  # noqa: F405
    here = JSON_FILES.opened(tmp_path)
    there = far(here)
    made = entry(attachments=[Attachment.text("order.txt", "10 screws")])
    there.seat(ROOT, [made])
    folder = here.entry(ROOT, made.internal_id).attachments[0].content
    assert isinstance(folder, StoredContent)
    inode = folder.path.stat().st_ino
    again = there.entry(ROOT, made.internal_id)
    again.properties["seen"] = True
    there.update(ROOT, [again])
    after = here.entry(ROOT, made.internal_id).attachments[0].content
    assert isinstance(after, StoredContent)
    assert after.path.stat().st_ino == inode, "it was written anew"
    there.close()
