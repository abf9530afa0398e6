"""Folders as source and as target system: real files, real crashes in between."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from databus_core import Attachment, DatabusError, Passenger, Puller, Pusher
from databus_core.connectors._shared import files
from databus_core.connectors._shared.files import move_into
from databus_core.connectors.folder.puller import FolderPuller
from databus_core.connectors.folder.pusher import FolderPusher
from tests.contracts.puller_contract import PullerContract
from tests.contracts.pusher_contract import PusherContract
from tests.support.plug_ins import contents, make, messages, stored, tree

LONG_AGO = 1_700_000_000


def put(path: Path, data: bytes, age: int = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (age, age))
    return path


def puller(folder: Path, /, **arguments: Any) -> FolderPuller:
    return make(FolderPuller, folder, **({"folder": "in"} | arguments))


class _FolderContract(PullerContract):
    arguments: ClassVar[dict[str, Any]]

    def puller(self, folder: Path) -> Puller:
        if not (folder / "in").exists():
            put(folder / "in" / "b.txt", b"first", LONG_AGO)
            put(folder / "in" / "a.bin", b"\0second", LONG_AGO + 1)
            put(folder / "in" / "c.csv", "später".encode(), LONG_AGO + 2)
        return puller(folder, **self.arguments)

    def source(self, folder: Path) -> object:
        return tree(folder)


class TestArchivingFolderPuller(_FolderContract):
    arguments: ClassVar[dict[str, Any]] = {"archive": "done/today"}


class TestDeletingFolderPuller(_FolderContract):
    arguments: ClassVar[dict[str, Any]] = {"when_seated": "delete"}


def test_files_come_oldest_first_and_keep_their_bytes(tmp_path: Path):
    put(tmp_path / "in" / "z.txt", "ä\r\n".encode(), LONG_AGO)
    put(tmp_path / "in" / "a.txt", b"\xff", LONG_AGO + 5)
    found = list(puller(tmp_path).pull())
    assert [contents(p) for p in found] == [{"z.txt": "ä\r\n".encode()}, {"a.txt": b"\xff"}]
    assert [p.attachments[0].format.value for p in found] == ["text", "binary"]


def test_a_file_written_anew_is_a_new_passenger_and_the_old_one_does_not_take_it_away(tmp_path: Path):
    path = put(tmp_path / "in" / "order.csv", b"monday")
    monday = stored(next(puller(tmp_path).pull()))
    put(path, b"tuesda", LONG_AGO + 86400)
    later = puller(tmp_path)
    later.notify_passengers_seated([monday])
    (tuesday,) = later.pull()
    assert tuesday.external_id != monday.external_id
    assert contents(tuesday) == {"order.csv": b"tuesda"}


def test_the_archive_never_loses_a_file_of_the_same_name(tmp_path: Path):
    for day, text in enumerate([b"one", b"two", b"three"]):
        put(tmp_path / "in" / "order.csv", text, LONG_AGO + day)
        trip = puller(tmp_path)
        trip.notify_passengers_seated(list(trip.pull()))
    assert tree(tmp_path / "archive") == {"order.csv": b"one", "order_2.csv": b"two", "order_3.csv": b"three"}
    assert tree(tmp_path / "in") == {}


def test_keep_leaves_the_file_and_offers_the_same_passenger(tmp_path: Path):
    put(tmp_path / "in" / "list.csv", b"x")
    first = puller(tmp_path, when_seated="keep")
    (passenger,) = first.pull()
    first.notify_passengers_seated([passenger])
    (again,) = puller(tmp_path, when_seated="keep").pull()
    assert again.external_id == passenger.external_id
    assert tree(tmp_path) == {"in/list.csv": b"x"}


def test_unfinished_hidden_linked_and_other_files_and_folders_are_left_alone(tmp_path: Path):
    names = [".hidden.csv", "~$order.csv", "order.csv.part", "order.tmp", "order.csv~", "order.txt", "sub.csv/x.csv"]
    for name in names:
        put(tmp_path / "in" / name, b"x")
    (tmp_path / "in" / "link.csv").symlink_to(put(tmp_path / "secret", b"secret"))
    put(tmp_path / "in" / "ORDER.CSV", b"wanted")
    assert [p.attachments[0].name for p in puller(tmp_path, pattern="*.csv").pull()] == ["ORDER.CSV"]


def test_a_file_that_is_still_written_waits_for_the_next_trip(tmp_path: Path):
    put(tmp_path / "in" / "ready.csv", b"x")
    growing = tmp_path / "in" / "growing.csv"
    growing.write_bytes(b"half")
    pull = puller(tmp_path, settle_seconds=0.3).pull()
    assert next(pull).attachments[0].name == "ready.csv"
    growing.write_bytes(b"half and more")
    assert list(pull) == []


def test_a_new_file_is_taken_on_the_same_trip_once_it_has_settled(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "new.csv").write_bytes(b"all")
    assert [contents(p) for p in puller(tmp_path, settle_seconds=0.2).pull()] == [{"new.csv": b"all"}]


def test_long_content_stays_in_its_file_and_is_refused_once_that_has_changed(tmp_path: Path):
    path = put(tmp_path / "in" / "long.bin", b"x" * (2 << 20))
    (passenger,) = puller(tmp_path).pull()
    assert contents(passenger) == {"long.bin": b"x" * (2 << 20)}
    put(path, b"y" * (2 << 20), LONG_AGO + 1)
    with pytest.raises(DatabusError, match="has changed"):
        passenger.attachments[0].read_bytes()


def test_a_folder_that_is_missing_is_an_error_in_words(tmp_path: Path):
    with pytest.raises(DatabusError, match=r"The folder .*nowhere cannot be listed: No such file"):
        list(puller(tmp_path, folder="nowhere").pull())


def test_the_archive_cannot_be_the_folder_itself(tmp_path: Path):
    with pytest.raises(ValueError, match=r"argument archive: .*another folder"):
        puller(tmp_path, archive="x/../in")


def test_a_file_that_cannot_be_put_away_is_an_error_that_names_it(tmp_path: Path):
    put(tmp_path / "in" / "a.csv", b"x")
    put(tmp_path / "blocked", b"a file where the archive should be")
    trip = puller(tmp_path, archive="blocked")
    with pytest.raises(DatabusError, match=r"a\.csv cannot be put away"):
        trip.notify_passengers_seated(list(trip.pull()))
    assert len(list(puller(tmp_path).pull())) == 1


def test_what_a_puller_cannot_work_with_is_told_before_a_trip(tmp_path: Path):
    put(tmp_path / "file", b"")
    (told,) = puller(tmp_path).problems()
    assert told == f"The folder {tmp_path / 'in'} cannot be listed: No such file or directory"
    (told,) = puller(tmp_path, folder="file").problems()
    assert told == f"The folder {tmp_path / 'file'} cannot be listed: Not a directory"
    (tmp_path / "in").mkdir()
    (told,) = puller(tmp_path, archive="file/done").problems()
    assert told == f"The folder {tmp_path / 'file/done'} cannot be written to: {tmp_path / 'file'} is no folder"
    assert not list(puller(tmp_path, archive="file/done", when_seated="keep").problems())
    assert not list(puller(tmp_path, archive="to/be/made").problems())
    assert not (tmp_path / "to").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nobody keeps a folder from root")
def test_a_folder_that_is_for_others_only_is_told_before_a_trip(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir(0o500)
    told = f"The folder {folder} cannot be written to: there is no permission for {folder}"
    assert list(puller(tmp_path, when_seated="delete").problems()) == [told]
    assert list(puller(tmp_path, when_seated="keep").problems()) == []
    assert list(make(FolderPusher, tmp_path, folder="in").problems()) == [told]
    folder.chmod(0o300)
    assert list(puller(tmp_path).problems()) == [f"The folder {folder} cannot be listed: Permission denied"]


# Moving and writing ----------------------------------------------------------------------------------------------


def test_a_move_cut_short_between_its_two_halves_is_taken_up(tmp_path: Path):
    source = put(tmp_path / "a.csv", b"x")
    (tmp_path / "archive").mkdir()
    os.link(source, tmp_path / "archive" / "a.csv")
    assert move_into(source, tmp_path / "archive") == tmp_path / "archive" / "a.csv"
    assert tree(tmp_path) == {"archive/a.csv": b"x"}
    assert move_into(source, tmp_path / "archive") is None


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM], ids=["other file system", "no hard links"])
def test_moves_where_names_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int):
    monkeypatch.setattr(files.os, "link", _linking_only_parts(code))
    (tmp_path / "archive").mkdir()
    put(tmp_path / "archive" / "a.csv", b"another")
    source = put(tmp_path / "a.csv", b"x")
    assert move_into(source, tmp_path / "archive") == tmp_path / "archive" / "a_2.csv"
    assert tree(tmp_path) == {"archive/a.csv": b"another", "archive/a_2.csv": b"x"}
    assert (tmp_path / "archive" / "a_2.csv").stat().st_mtime == LONG_AGO


def _linking_only_parts(code: int) -> Callable[[Path, Path], None]:
    link = os.link

    def refuse(source: Path, target: Path) -> None:
        if not (code == errno.EXDEV and source.suffix == ".part"):
            raise OSError(code, os.strerror(code))
        link(source, target)

    return refuse


def test_a_copy_to_another_file_system_cut_short_before_the_source_went_is_not_made_twice(tmp_path: Path):
    source = put(tmp_path / "a.csv", b"x")
    put(tmp_path / "archive" / "a.csv", b"x")
    assert move_into(source, tmp_path / "archive") == tmp_path / "archive" / "a.csv"
    assert tree(tmp_path) == {"archive/a.csv": b"x"}


# Pusher ----------------------------------------------------------------------------------------------------------


def order(number: int, *attachments: Attachment) -> Passenger:
    passenger = Passenger(
        external_id=f"<{number}@shop/x>", source_system="shop", internal_id=f"00000000-0000-7000-8000-{number:012}"
    )
    for attachment in attachments or [
        Attachment.text("order.csv", f"order {number}"),
        Attachment.binary("a.pdf", b"%"),
    ]:
        passenger.attach(attachment)
    return passenger


class TestFolderPusher(PusherContract):
    arguments: ClassVar[dict[str, Any]] = {}

    def pusher(self, folder: Path) -> Pusher:
        return make(FolderPusher, folder, folder="out", **self.arguments)

    def passenger(self, number: int) -> Passenger:
        return order(number)

    def target(self, folder: Path) -> object:
        return tree(folder / "out")


class TestFolderPusherWithPlainNames(TestFolderPusher):
    arguments: ClassVar[dict[str, Any]] = {"path": "{name}"}


def test_each_passenger_gets_its_folder(tmp_path: Path):
    make(FolderPusher, tmp_path, folder="out", extensions=["CSV"]).push(order(7))
    assert tree(tmp_path / "out") == {"00000000-0000-7000-8000-000000000007/order.csv": b"order 7"}


def test_plain_names_never_overwrite_what_another_passenger_or_program_wrote(tmp_path: Path):
    put(tmp_path / "out" / "order.csv", b"not ours")
    for _ in range(2):
        make(FolderPusher, tmp_path, folder="out", extensions=["csv"], path="{name}").push(order(7))
    assert tree(tmp_path / "out") == {
        "order.csv": b"not ours",
        "order_00000000-0000-7000-8000-000000000007.csv": b"order 7",
    }


def test_a_delivery_that_is_repeated_with_other_content_replaces_its_own_file(tmp_path: Path):
    pusher = make(FolderPusher, tmp_path, folder="out")
    pusher.push(order(7, Attachment.text("a.txt", "draft")))
    pusher.push(order(7, Attachment.text("a.txt", "final")))
    assert list(tree(tmp_path / "out").values()) == [b"final"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("{internal_id}", "must have {name}"),
        ("{name}/x", "must have {name}"),
        ("../{name}", "path below the folder"),
        ("/etc/{name}", "path below the folder"),
        ("C:{name}", "path below the folder"),
        ("{client}/{name}", "{client} is not known"),
        ("{name", "expected '}'"),
    ],
)
def test_a_wrong_path_is_an_error_in_words(tmp_path: Path, path: str, why: str):
    with pytest.raises(ValueError, match=f"argument path: .*{why}"):
        make(FolderPusher, tmp_path, folder="out", path=path)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_id_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, external_id: str, system: str):
    folder = tmp_path_factory.mktemp("out")
    passenger = Passenger(external_id=external_id, source_system=system)
    passenger.attach(Attachment.text("a.txt", "x"))
    make(FolderPusher, folder, folder="x/y", path="{source_system}/{external_id}_{name}").push(passenger)
    (written,) = tree(folder)
    assert written.startswith("x/y/")
    assert written.count("/") == 3


def test_a_failed_write_leaves_nothing_and_is_an_error_that_names_the_file(tmp_path: Path):
    lost = Attachment.from_file(tmp_path / "gone.bin")
    with pytest.raises(DatabusError, match=r"gone\.bin"):
        make(FolderPusher, tmp_path, folder="out").push(order(7, lost))
    put(tmp_path / "blocked", b"")
    with pytest.raises(DatabusError, match=r"'order\.csv' cannot be written to .*blocked"):
        make(FolderPusher, tmp_path, folder="blocked").push(order(7))
    assert tree(tmp_path) == {"blocked": b""}


def test_a_folder_that_cannot_be_made_is_told_before_a_trip(tmp_path: Path):
    put(tmp_path / "blocked", b"")
    (told,) = make(FolderPusher, tmp_path, folder="blocked/out").problems()
    assert told == f"The folder {tmp_path / 'blocked/out'} cannot be written to: {tmp_path / 'blocked'} is no folder"


def test_a_passenger_without_wanted_attachments_is_a_warning(tmp_path: Path):
    pusher = make(FolderPusher, tmp_path, folder="out", extensions=["xml"])
    pusher.push(order(7))
    assert messages(pusher)[0].startswith("warning: Passenger")
    assert not (tmp_path / "out").exists()
