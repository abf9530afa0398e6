from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QPlainTextEdit, QPushButton, QTreeWidgetItem

from databus_core.plugins.observer import Change
from databus_gui.pages.peek import PeekPage
from tests.support.desk import Desk
from tests.support.stage import Stage, hang_until

UNPEEKABLE = """
from databus_core import Puller

class Shy(Puller):
    def pull(self):
        return []
"""


@pytest.fixture
def stage() -> Stage:
    return Stage(waiting=["1"])


@pytest.fixture
def page(desk: Desk, stage: Stage) -> PeekPage:
    (desk.folder / "plugins").mkdir()
    (desk.folder / "plugins" / "shy_puller.py").write_text(UNPEEKABLE, "utf-8")
    several = stage.client_passenger("mixed", pullers=["", {"module": "shy_puller"}, {"module": "no.such"}])
    desk.start({"passengers": [stage.client_passenger("orders"), several]})
    page = desk.show(PeekPage)
    desk.until(lambda: page.passenger.count() == 2)
    return page


def click_peek(desk: Desk, page: PeekPage) -> None:
    desk.qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    desk.until(page.button.isEnabled)


def puller(page: PeekPage, number: int = 0) -> QTreeWidgetItem:
    item = page.tree.topLevelItem(number)
    assert item is not None
    return item


def states(page: PeekPage) -> dict[str, str]:
    children = [puller(page).child(number) for number in range(puller(page).childCount())]
    return {child.text(0): child.text(3) for child in children}


def test_what_waits_is_shown_and_not_taken(desk: Desk, stage: Stage, page: PeekPage) -> None:
    desk.drive()
    stage.waiting += ["2"]
    desk.drive()
    client = desk.session.client_id
    purged = desk.run(
        desk.dispatcher.change(
            lambda storage: storage.database.remove(client, [storage.database.known(client, "shop", "2") or ""]),
            Change.QUEUE,
            client,
        )
    )
    assert purged == 1
    stage.waiting += ["1", "2", "3"]
    told = list(stage.told)
    click_peek(desk, page)
    assert states(page) == {"1": "already seated", "2": "seated before and purged", "3": "new"}
    assert page.said.text() == "3 passengers wait, 1 of them new."
    assert stage.told == told
    assert stage.waiting == ["1", "2", "3"]


def test_an_attachment_is_read_without_consuming_it(desk: Desk, stage: Stage, page: PeekPage) -> None:
    click_peek(desk, page)
    desk.until(lambda: page.attachments.findChildren(QPushButton))
    names = [label.text().replace("\u200b", "") for label in page.attachments.findChildren(QLabel)]
    assert "order.txt" in names
    view = next(
        button for button in page.attachments.findChildren(QPushButton) if button.accessibleName() == "View: order.txt"
    )
    desk.qtbot.mouseClick(view, Qt.MouseButton.LeftButton)
    desk.until(lambda: page.window().findChildren(QDialog))
    dialog = page.window().findChildren(QDialog)[0]
    text = dialog.findChild(QPlainTextEdit)
    assert text is not None
    assert text.toPlainText() == "content of 1"
    dialog.reject()
    assert stage.told == []
    assert stage.waiting == ["1"]


def test_what_cannot_be_peeked_at_is_said_and_harms_no_other_puller(desk: Desk, page: PeekPage) -> None:
    page.open(client_passenger="mixed")
    click_peek(desk, page)
    assert states(page) == {"1": "new"}
    assert "cannot be peeked at: shy_puller" in puller(page, 1).text(3)
    assert "there is no module 'no'" in puller(page, 2).text(3)


def test_the_page_stays_alive_while_a_source_system_is_slow(desk: Desk, stage: Stage, page: PeekPage) -> None:
    go = threading.Event()
    stage.on_pull = hang_until(go)
    desk.qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    desk.until(page.busy.isVisible)
    assert not page.button.isEnabled()
    page.hide()
    go.set()
    desk.until(page.tree.topLevelItemCount)
    page.show()
    assert states(page) == {"1": "new"}
    assert page.busy.isHidden()


def test_an_answer_about_another_client_passenger_is_dropped(desk: Desk, stage: Stage, page: PeekPage) -> None:
    go = threading.Event()
    stage.on_pull = hang_until(go)
    desk.qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    desk.until(lambda: stage.pulls)
    page.passenger.setCurrentText("mixed")
    assert page.button.isEnabled()
    go.set()
    click_peek(desk, page)
    assert page.tree.topLevelItemCount() == 3


def test_a_broken_source_is_an_error_in_words(desk: Desk, stage: Stage, page: PeekPage) -> None:
    def fail(_: str) -> None:
        raise ConnectionError("the shop does not answer")

    stage.on_pull = fail
    click_peek(desk, page)
    assert "the shop does not answer" in puller(page).text(3)
    assert page.said.text() == "0 new; 1 error, which stands below."
    told = [label for label in page.errors.findChildren(QLabel) if "the shop does not answer" in label.text()]
    assert [label.isVisible() for label in told] == [True]
    assert told[0].textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse


def test_the_page_says_what_it_is_for_until_somebody_asks(desk: Desk, page: PeekPage) -> None:
    desk.until(page.empty.isVisible)
    assert "Nobody has asked yet." in page.empty.text()
    click_peek(desk, page)
    assert not page.empty.isVisible()


def test_a_client_without_passengers_has_nothing_to_peek_at(desk: Desk, page: PeekPage) -> None:
    desk.session.choose_client("root")
    desk.until(lambda: page.said.text() == "This client has no passengers yet.")
    assert not page.button.isEnabled()


def test_asking_in_vain_leaves_nothing_of_the_question_behind(desk: Desk, stage: Stage, page: PeekPage) -> None:
    desk.drive()
    stage.waiting += ["2"]
    click_peek(desk, page)
    desk.until(page.tree.topLevelItemCount)
    desk.run(desk.dispatcher.shut_down())
    click_peek(desk, page)
    desk.until(lambda: "is stopped" in page.error_bar.text)
    assert "Asking" not in page.said.text()
    assert not page.tree.topLevelItemCount()
    assert not page.attachments.isVisible()
    desk.run(desk.dispatcher.start(paused=True))
    desk.until(lambda: not page.error_bar.text)


def test_an_error_about_one_client_is_not_shown_for_another(desk: Desk, page: PeekPage) -> None:
    desk.run(desk.dispatcher.shut_down())
    click_peek(desk, page)
    desk.until(lambda: page.error_bar.text)
    told = page.error_bar.text
    desk.session.choose_client("root")
    assert told not in page.error_bar.text
