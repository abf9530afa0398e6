"""The steps of a passenger that was seated under an earlier configuration, brought to the present one."""

from __future__ import annotations

from collections.abc import Sequence

from databus_core.model.client import ClientPassenger, ModuleReference
from databus_core.model.queue_entry import QueueEntry, Step, StepKind


def reconcile(entry: QueueEntry, route: ClientPassenger) -> list[str]:
    """Let an open entry's processors and pushers follow the configuration; answers what changed, in words.

    A step is known by its name. What is done stays done, and stands for the new step in its place when its own name
    is gone: nothing may be delivered twice.
    """
    if _is_configured_so(entry.processors, route.processors) and _is_configured_so(entry.pushers, route.pushers):
        return []
    if _all_done(entry):
        return []
    before = [*entry.processors, *entry.pushers]
    modules = {step.name: step.module for step in before}
    delivered = any(step.complete for step in entry.pushers)
    entry.processors = _followed(StepKind.PROCESSOR, entry.processors, route.processors, delivered=delivered)
    entry.pushers = _followed(StepKind.PUSHER, entry.pushers, route.pushers)
    after = [*entry.processors, *entry.pushers]
    kept = {step.name for step in after}
    gone = [step for step in before if step.name not in kept]
    if _all_done(entry):
        _keep_as_done(entry, gone)
    return [
        *(f"step {step.name} is no longer configured" for step in gone),
        *(f"step {step.name} is newly configured" for step in after if step.name not in modules),
        *(
            f"step {step.name} is done by {step.module} now"
            for step in after
            if modules.get(step.name, step.module) != step.module
        ),
    ]


def _is_configured_so(steps: Sequence[Step], references: Sequence[ModuleReference]) -> bool:
    """Whether these are the steps that the configuration asks for, as nearly always."""
    return len(steps) == len(references) and all(
        step.name == reference.step_name and step.module == reference.module
        for step, reference in zip(steps, references, strict=True)
    )


def _all_done(entry: QueueEntry) -> bool:
    return all(step.complete for step in entry.steps())


def _followed(
    kind: StepKind, steps: list[Step], references: Sequence[ModuleReference], *, delivered: bool = False
) -> list[Step]:
    """The steps of one kind in the order of the configuration, behind those that are done and not in it any more."""
    places = {reference.step_name: place for place, reference in enumerate(references)}
    present = {step.name: step for step in steps}
    for reference in references:
        step = present.get(reference.step_name)
        if step is not None and not step.complete:
            step.module = reference.module
    gone = [step for step in steps if step.name not in places]
    new = [reference for reference in references if reference.step_name not in present]
    if new and len(new) != len(gone) and any(step.complete for step in gone):
        return steps  # which of the new ones was done under another name, only a person can tell
    last_done = max((places[step.name] for step in steps if step.complete and step.name in places), default=-1)

    def is_wanted(number: int, reference: ModuleReference) -> bool:
        if number < len(gone):
            return not gone[number].complete
        return kind is StepKind.PUSHER or not (delivered or places[reference.step_name] < last_done)

    kept = [step for step in steps if step.complete or step.name in places]
    added = [Step(kind, each.module, each.step_name) for number, each in enumerate(new) if is_wanted(number, each)]
    return sorted([*kept, *added], key=lambda step: places.get(step.name, -1))


def _keep_as_done(entry: QueueEntry, gone: Sequence[Step]) -> None:
    """Nothing is left to do but what is not configured any more: the passenger shows why, and its life span begins."""
    for step in gone:
        step.finish("no longer configured")
        (entry.processors if step.kind is StepKind.PROCESSOR else entry.pushers).append(step)
