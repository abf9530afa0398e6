"""The list of documents beside the editor of the chosen one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from databus_core.engine.check import plugin_problems
from databus_core.engine.customizing import Node
from databus_core.errors import CustomizingError
from databus_core.model.customizing import CLIENTS_NODE, DATABUS_NODE
from databus_core.model.problem import Problem
from databus_core.plugins.observer import Change
from databus_gui.forms.json_editor import JsonEditor
from databus_gui.i18n import count, tr
from databus_gui.pages.customizing.backups import BackupList
from databus_gui.pages.page import Page
from databus_gui.slots import async_slot, start
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.long_text import clipped
from databus_gui.widgets.words import size as in_words

LARGEST = 2 * 1024 * 1024
"""Characters of a document; a larger one would hold up the window."""
ASKED_ABOUT = 5
"""Problems that the question before saving tells; the list below the editor has all of them."""
DOUBT_SHOWN = 240
"""Letters of each."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is not saved yet, and the stored one that it began with."""

    based_on: str | None
    text: str


class CustomizingPage(Page):
    """The documents of the looked-at client. What is not saved is kept as a draft while other things are looked at."""

    name = "customizing"
    title = "Customizing"
    icon = "mdi6.code-json"
    refreshes_on = frozenset({Change.CUSTOMIZING, Change.CLIENTS, Change.TICKET})

    def build(self) -> None:
        self._client_id = ""
        self._node: Node | None = None
        self._based_on: str | None = None
        self._drafts: dict[tuple[str, str], Draft] = {}
        self._doubts: tuple[str, list[Problem]] = ("", [])
        """What plug-ins said against this text when it was about to be saved."""
        self.nodes = QListWidget()
        self.nodes.setAccessibleName(tr("Documents"))
        self.nodes.currentItemChanged.connect(self._on_node_chosen)
        self.backups = BackupList(self.session, self.show_error)
        self.backups.taken_over.connect(self._on_taken_over)
        self.editor = JsonEditor()
        self.editor.edited.connect(self._on_edited)
        self.editor.checked.connect(self._on_checked)
        self.place = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.place.setProperty("meaning", Meaning.MUTED.value)
        self.unsaved_sign = QLabel(tr("Unsaved changes"))
        self.unsaved_sign.setProperty("meaning", Meaning.CAUTION.value)
        self.revert_button = QPushButton(icon("mdi6.undo"), tr("Revert"))
        self.revert_button.setToolTip(tr("Back to the stored text"))
        self.revert_button.clicked.connect(self.ask_to_revert)
        self.format_button = QPushButton(icon("mdi6.format-align-left"), tr("Format"))
        self.format_button.setToolTip(tr("Lay the text out anew (Ctrl+Shift+F)"))
        self.format_button.clicked.connect(self.editor.format)
        self.save_button = QPushButton(icon("mdi6.content-save-outline"), tr("Save"))
        self.save_button.clicked.connect(self.save)
        QShortcut(QKeySequence.StandardKey.Save, self, self.save)
        for widget in (self.unsaved_sign, self.revert_button, self.format_button, self.save_button):
            self.header.addWidget(widget)
        self._lay_out_parts()
        self._mark()

    def _lay_out_parts(self) -> None:
        left, right = QWidget(), QWidget()
        lists = QVBoxLayout(left)
        lists.setContentsMargins(0, 0, 0, 0)
        lists.addWidget(self.nodes, 1)
        lists.addWidget(self.backups, 2)
        written = QVBoxLayout(right)
        written.setContentsMargins(0, 0, 0, 0)
        line = QHBoxLayout()
        line.addWidget(self.place, 1)
        written.addLayout(line)
        written.addWidget(self.editor, 1)
        divided = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        divided.addWidget(left)
        divided.addWidget(right)
        divided.setStretchFactor(1, 1)
        divided.setSizes([250, 850])
        self.body.addWidget(divided, 1)

    # Showing ----------------------------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether any document has changes that are not saved, of whatever client."""
        return bool(self._drafts) or self.editor.modified

    async def refresh(self) -> None:
        client_id = self.session.client_id
        nodes = await self.session.read(lambda storage: storage.customizing.nodes(client_id))
        if client_id != self.session.client_id:
            return
        node = self._chosen_node()  # not self._node: a document that was just clicked is still on its way
        chosen = node.name if node is not None and client_id == self._client_id else ""
        if not chosen:
            self._keep_draft()
            self._node = None
        self._client_id = client_id
        names = [node.name for node in nodes]
        with QSignalBlocker(self.nodes):
            self.nodes.clear()
            for node in nodes:
                item = QListWidgetItem(icon("mdi6.code-json"), tr(node.title))
                item.setData(Qt.ItemDataRole.UserRole, node)
                item.setToolTip(f"{node.name}\n{node.path}")
                self.nodes.addItem(item)
            self.nodes.setCurrentRow(names.index(chosen) if chosen in names else 0)
        await self._show(self._chosen_node())

    def _chosen_node(self) -> Node | None:
        chosen = self.nodes.selectedItems()
        return cast("Node", chosen[0].data(Qt.ItemDataRole.UserRole)) if chosen else None

    @async_slot
    async def _on_node_chosen(self) -> None:
        self._keep_draft()
        self._node = None
        self.error_bar.clear()
        await self._show(self._chosen_node())

    def _keep_draft(self) -> None:
        """Remember what was typed into the document that is shown, as another one is going to be."""
        if self._node is not None and self.editor.modified:
            self._drafts[self._client_id, self._node.name] = Draft(self._based_on, self.editor.text())

    async def _show(self, node: Node | None) -> None:
        """Bring the document into the editor; one that is there and being changed stays as it is."""
        if node is None:
            return
        client_id, stored = self._client_id, None
        why: CustomizingError | None = None
        try:
            stored = await self.session.read(lambda storage: storage.customizing.text(client_id, node.name))
        except CustomizingError as error:
            why = error
        if self._chosen_node() != node or client_id != self._client_id:
            return
        too_large = len(stored or "") > LARGEST
        if stored is not None and too_large:
            size, limit = in_words(len(stored)), in_words(LARGEST)
            self.error_bar.show_text(
                tr("{node} has {size}; this editor takes {limit}.", node=node.path, size=size, limit=limit)
            )
            stored = None
        self.editor.set_read_only(read_only=too_large)
        draft = self._drafts.pop((client_id, node.name), None)
        here = self._node is not None and self._node.name == node.name
        self._node = node
        self.place.setText(self._place_of(node))
        self.place.setToolTip(f"{node.name}\n{node.path}")
        if draft is not None:
            self._load(draft.based_on)
            self.editor.editor.replace_text(draft.text)
        elif not here or not (self.editor.modified or stored == self._based_on):
            self._load(stored)
        if why is not None:
            self.error_bar.show_text(tr("{error}\nWhat you save here takes its place.", error=why))
        self._mark()
        await self.backups.show_node(client_id, node.name)

    def _place_of(self, node: Node) -> str:
        if node.name == DATABUS_NODE:
            return tr("Configuration of client {client}", client=self._client_id)
        return tr("All clients") if node.name == CLIENTS_NODE else node.path

    def _load(self, stored: str | None) -> None:
        self._based_on = stored
        self.editor.set_text(stored or "")

    def ask_to_revert(self) -> None:
        """Ask whether what is not saved shall be dropped: it is nowhere else."""
        box = QMessageBox(QMessageBox.Icon.Warning, tr("Revert"), "", parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText(tr("Drop what you have changed, and show the stored text?"))
        drop = box.addButton(tr("Drop my changes"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        drop.clicked.connect(self.revert)
        box.open()

    @async_slot
    async def revert(self) -> None:
        """Show the stored text; what was not saved is dropped."""
        if self._node is not None:
            node, self._node = self._node, None
            self.error_bar.clear()
            await self._show(node)

    def _on_edited(self) -> None:
        self._mark()

    def _on_taken_over(self, text: str) -> None:
        self.editor.editor.replace_text(text)
        self.editor.check()
        self._mark()
        self.editor.setFocus()

    def _mark(self) -> None:
        changed = self._node is not None and self.editor.modified
        self.unsaved_sign.setVisible(changed)
        self.revert_button.setEnabled(changed)
        self.save_button.setEnabled(self._node is not None and not self.editor.editor.isReadOnly())
        for number in range(self.nodes.count()):
            item = self.nodes.item(number)
            node: Node = item.data(Qt.ItemDataRole.UserRole)
            here = self._node is not None and node.name == self._node.name
            drafted = changed if here else (self._client_id, node.name) in self._drafts
            item.setText(tr(node.title) + (" •" if drafted else ""))

    # Problems and saving ----------------------------------------------------------------------------------------

    @async_slot
    async def _on_checked(self) -> None:
        if self._node is None or self.editor.syntax_problem is not None:
            return
        client_id, name, text = self._client_id, self._node.name, self.editor.text()
        problems = await self.session.read(lambda storage: storage.customizing.problems(client_id, name, text))
        shown = self._chosen_node()
        if shown is not None and (name, text) == (shown.name, self.editor.text()):
            doubted, doubts = self._doubts
            self.editor.set_problems(problems or (doubts if text == doubted else []))

    @async_slot
    async def save(self) -> None:
        """Check, back up and save the document that is shown; ask first where its plug-ins could not work."""
        node = self._node
        if node is None or not self.save_button.isEnabled():
            return
        client_id, text = self._client_id, self.editor.text()
        doubts = await self._ask_plugins(client_id, text) if node.name == DATABUS_NODE else []
        if (node, client_id) != (self._node, self._client_id):
            return  # the person looks at another document by now; this one is a draft
        if doubts:
            self._doubts = (text, doubts)
            if text == self.editor.text():
                self.editor.set_problems(doubts)
            self._ask_whether(node, text, doubts)
        else:
            await self._save(node, self._based_on, text)

    async def _ask_plugins(self, client_id: str, text: str) -> list[Problem]:
        self.save_button.setEnabled(False)
        self.save_button.setText(tr("Checking …"))
        try:
            return await self.session.read(lambda storage: plugin_problems(storage, client_id, text))
        finally:
            self.save_button.setText(tr("Save"))
            self._mark()

    def _ask_whether(self, node: Node, text: str, doubts: list[Problem]) -> None:
        """Save all the same? Who is in the middle of it, or has the plug-in still to come, may want that."""
        box = QMessageBox(QMessageBox.Icon.Warning, tr("Save the configuration?"), "", parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(
            count(
                len(doubts),
                "This configuration would not work: there is a problem.",
                "This configuration would not work: there are {n} problems.",
            )
        )
        told = [f"• {clipped(str(problem), DOUBT_SHOWN)}" for problem in doubts[:ASKED_ABOUT]]
        more = len(doubts) - ASKED_ABOUT
        told += [count(more, "and one more", "and {n} more")] if more > 0 else []
        box.setInformativeText("\n".join(told))
        anyway = box.addButton(tr("Save anyway"), QMessageBox.ButtonRole.DestructiveRole)
        back = box.addButton(tr("Go on editing"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(back)
        box.setEscapeButton(back)
        based_on = self._based_on
        anyway.clicked.connect(lambda: start(self, self._save(node, based_on, text)))
        back.clicked.connect(lambda: self._go_to(doubts[0]))
        box.open()

    def _go_to(self, problem: Problem) -> None:
        self.editor.editor.go_to(problem.line or 1, problem.column or 1)
        self.editor.setFocus()

    async def _save(self, node: Node, based_on: str | None, text: str) -> None:
        client_id = self._client_id
        what = Change.CLIENTS if node.name == CLIENTS_NODE else Change.CUSTOMIZING
        self.save_button.setEnabled(False)
        try:
            await self.session.change(
                lambda storage: storage.customizing.save(client_id, node.name, text, based_on),
                what,
                deed="saved a document",
                on=node.name,
            )
        except CustomizingError as error:
            await self._say_why(node, error, based_on)
            return
        finally:
            self._mark()
        if self._node is not None and node.name == self._node.name and text == self.editor.text():
            self._based_on = text
            self.editor.accept()
        self._drafts.pop((client_id, node.name), None)
        self.error_bar.clear()
        self._mark()
        self.session.say(tr("{node} is saved.", node=tr(node.title)))

    async def _say_why(self, node: Node, error: CustomizingError, based_on: str | None) -> None:
        client_id = self._client_id
        if based_on is not None:
            stored = await self.session.read(lambda storage: storage.customizing.text(client_id, node.name))
            if stored != based_on:
                self._ask_who_wins(node, stored)
                return
        problems = [problem for problem in error.problems if isinstance(problem, Problem)]
        first = next((problem for problem in problems if problem.line), None)
        if first is None:
            self.error_bar.show_text(tr("Not saved. {error}", error=error))
            return
        self.editor.set_problems(problems)
        self._go_to(first)
        self.error_bar.show_text(tr("Not saved. What is wrong stands below the text."))

    def _ask_who_wins(self, node: Node, stored: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Warning, tr("Changed by somebody else"), "", parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText(tr("{node} was changed by somebody else since you opened it.", node=tr(node.title)))
        box.setInformativeText(tr("Both texts stay among the backups if you save yours over the other one."))
        reload = box.addButton(tr("Drop mine, show theirs"), QMessageBox.ButtonRole.DestructiveRole)
        overwrite = box.addButton(tr("Save mine over theirs"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        reload.clicked.connect(self.revert)
        overwrite.clicked.connect(lambda: start(self, self._save(node, stored, self.editor.text())))
        box.open()
