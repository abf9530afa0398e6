"""What can be done with many passengers at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from databus_core.engine.bulk import Frozen
from databus_core.engine.by_hand import EntryChange, retrying, setting_step
from databus_core.model.queue_entry import DECISION_NEEDED, QueueStatus
from databus_gui.i18n import count, tr


class Deed(ABC):
    """Something that is done to each of many passengers."""

    title: str
    word: str
    """What a person types to do what is dangerous."""
    deed: str
    """What the audit calls it."""

    @abstractmethod
    def question(self, frozen: Frozen) -> str:
        """What is about to be done, with the number."""

    @abstractmethod
    def dangers(self, frozen: Frozen) -> list[str]:
        """What a person should know before, if there is anything that cannot be taken back."""

    @abstractmethod
    def change(self) -> EntryChange:
        """What is done to each."""


class Retry(Deed):
    """Try again what failed, waits, or needs a decision."""

    def __init__(self) -> None:
        self.title, self.word, self.deed = tr("Retry"), tr("retry"), "retried"

    def question(self, frozen: Frozen) -> str:
        failed = sum(frozen.statuses.get(status, 0) for status in DECISION_NEEDED)
        complete = frozen.statuses.get(QueueStatus.COMPLETE, 0)
        said = [count(len(frozen.ids), "Retry {n} passenger?", "Retry {n} passengers?")]
        if failed:
            said.append(count(failed, "{n} of them waits for a decision.", "{n} of them wait for a decision."))
        if complete:
            said.append(count(complete, "{n} is complete and stays so.", "{n} are complete and stay so."))
        said.append(tr("Steps that failed get all their attempts again, and are tried at once."))
        return " ".join(said)

    def dangers(self, frozen: Frozen) -> list[str]:
        unknown = frozen.statuses.get(QueueStatus.UNKNOWN, 0)
        if not unknown:
            return []
        return [
            count(
                unknown,
                "Of {n} nobody knows whether it was delivered: it may be delivered twice.",
                "Of {n} nobody knows whether they were delivered: they may be delivered twice.",
            )
        ]

    def change(self) -> EntryChange:
        return retrying("hand")


@dataclass
class SetStep(Deed):
    """Set one step of each."""

    step: str
    status: QueueStatus
    short: str
    """How the step is called in the window."""

    def __post_init__(self) -> None:
        self.title, self.word, self.deed = tr("Set a step"), tr("set"), f"set a step {self.status}: {self.step}"

    def question(self, frozen: Frozen) -> str:
        return count(
            len(frozen.ids),
            "Set {step} {status} of {n} passenger?",
            "Set {step} {status} of {n} passengers?",
            step=self.short,
            status=tr(self.status.value),
        )

    def dangers(self, frozen: Frozen) -> list[str]:
        if self.status is QueueStatus.COMPLETE:
            return [tr("What is not done yet counts as done then: it is never done for these passengers.")]
        return [tr("What is done already is done again for these passengers: it may be delivered twice.")]

    def change(self) -> EntryChange:
        return setting_step(self.step, self.status, "hand")
