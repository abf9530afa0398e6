"""What a person can do from anywhere in the window, as data: menus, toolbar and shortcuts follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from databus_core.plugins.observer import DispatcherState
from databus_gui.i18n import count, tr
from databus_gui.session import Session
from databus_gui.settings import ThemeChoice

State = DispatcherState


class Scene(Protocol):
    """The window, as far as actions know it."""

    session: Session

    def routes(self) -> list[tuple[str, str]]:
        """The client passengers chosen on the page in sight, as (client id, name)."""
        ...

    def refresh(self) -> None:
        """Let the page in sight read its data again."""
        ...

    def leave(self) -> None:
        """Close the window; asks while trips run or something is not saved."""
        ...

    def choose_ticket(self) -> None:
        """Ask for another ticket and change to it."""
        ...

    def use_theme(self, choice: ThemeChoice) -> None:
        """Dress the window anew."""
        ...

    async def confirmed(self, title: str, question: str, more: str, do: str) -> bool:
        """Ask before something that cannot be taken back."""
        ...


class Menu(StrEnum):
    """The menus, in their order."""

    FILE = "&File"
    DISPATCHER = "&Dispatcher"
    VIEW = "&View"
    HELP = "&Help"


def _always(_scene: Scene) -> bool:
    return True


def _in(*states: DispatcherState) -> Callable[[Scene], bool]:
    return lambda scene: scene.session.dispatcher.state in states


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One entry. Its `run` may answer a coroutine, whose errors the page in sight shows."""

    name: str
    text: str
    icon: str
    menu: Menu
    run: Callable[[Scene], object]
    tip: str = ""
    shortcut: str = ""
    enabled: Callable[[Scene], bool] = _always
    """Asked again whenever the dispatcher's state or what is chosen changes."""
    toolbar: bool = False
    chosen: Callable[[Scene], bool] | None = None
    """Whether it is the present one of several choices: those of a menu exclude each other."""


async def _start(scene: Scene) -> None:
    await scene.session.dispatcher.start()
    await scene.session.load_clients()


async def _expedite(scene: Scene) -> None:
    routes = scene.routes()
    for client_id, name in routes:
        await scene.session.dispatcher.expedite(client_id, name)
    scene.session.say(count(len(routes), "1 client passenger departs", "{n} client passengers depart"))


def _travelling(scene: Scene) -> list[tuple[str, str]]:
    """Those of the chosen client passengers that travel now."""
    running = {(trip.client_id, trip.client_passenger.name) for trip in scene.session.dispatcher.running}
    return [route for route in scene.routes() if route in running]


async def _halt(scene: Scene) -> None:
    routes = _travelling(scene)
    names = ", ".join(scene.session.names.short(name) for _, name in routes)
    question = count(len(routes), "Halt the trip of {names}?", "Halt {n} trips: {names}?", names=names)
    more = tr("A plug-in may be in the middle of something. What a trip had not stored is done again on its next one.")
    if not routes or not await scene.confirmed(tr("Halt"), question, more, tr("Halt")):
        return
    still = _travelling(scene)
    for client_id, name in routes:
        if (client_id, name) in still:
            scene.session.dispatcher.halt(client_id, name, tr("hand"))


ACTIONS: tuple[Action, ...] = (
    Action(
        name="open_ticket",
        text="Open ticket …",
        icon="mdi6.folder-open-outline",
        menu=Menu.FILE,
        run=lambda scene: scene.choose_ticket(),
        tip="Work with another ticket",
        shortcut="Ctrl+O",
    ),
    Action(
        name="quit",
        text="Quit",
        icon="mdi6.exit-to-app",
        menu=Menu.FILE,
        run=lambda scene: scene.leave(),
        tip="Finish the running trips and close the window",
        shortcut="Ctrl+Q",
    ),
    Action(
        name="start",
        text="Start",
        icon="mdi6.power",
        menu=Menu.DISPATCHER,
        run=_start,
        tip="Open the database and drive by the timetable",
        enabled=_in(State.STOPPED),
        toolbar=True,
    ),
    Action(
        name="pause",
        text="Pause",
        icon="mdi6.pause",
        menu=Menu.DISPATCHER,
        run=lambda scene: scene.session.dispatcher.pause(),
        tip="Finish the running trips and start no new ones",
        shortcut="Ctrl+P",
        enabled=_in(State.RUNNING),
        toolbar=True,
    ),
    Action(
        name="resume",
        text="Resume",
        icon="mdi6.play",
        menu=Menu.DISPATCHER,
        run=lambda scene: scene.session.dispatcher.resume(),
        tip="Drive by the timetable again",
        shortcut="Ctrl+R",
        enabled=_in(State.PAUSED, State.PAUSING),
        toolbar=True,
    ),
    Action(
        name="shut_down",
        text="Shut down",
        icon="mdi6.stop",
        menu=Menu.DISPATCHER,
        run=lambda scene: scene.session.dispatcher.shut_down(),
        tip="Finish the running trips and close the database; the window stays",
        enabled=_in(State.RUNNING, State.PAUSED, State.PAUSING),
        toolbar=True,
    ),
    Action(
        name="leave_trips",
        text="Shut down without waiting",
        icon="mdi6.stop-circle-outline",
        menu=Menu.DISPATCHER,
        run=lambda scene: scene.session.dispatcher.shut_down(leave=True),
        tip="Leave trips that do not end within the ticket's grace time; they are done again later",
        enabled=_in(State.STOPPING),
    ),
    Action(
        name="expedite",
        text="Expedite",
        icon="mdi6.bus-side",
        menu=Menu.DISPATCHER,
        run=_expedite,
        tip="Drive the chosen client passengers now",
        shortcut="Ctrl+E",
        enabled=lambda scene: scene.session.dispatcher.state is State.RUNNING and bool(scene.routes()),
        toolbar=True,
    ),
    Action(
        name="halt",
        text="Halt trip …",
        icon="mdi6.bus-stop",
        menu=Menu.DISPATCHER,
        run=_halt,
        tip="End the trips of the chosen client passengers that are under way",
        enabled=lambda scene: bool(_travelling(scene)),
        toolbar=True,
    ),
    Action(
        name="refresh",
        text="Refresh",
        icon="mdi6.refresh",
        menu=Menu.VIEW,
        run=lambda scene: scene.refresh(),
        tip="Read what the page shows again",
        shortcut="F5",
        toolbar=True,
    ),
    Action(
        name="theme_system",
        text="Colours of the system",
        icon="mdi6.theme-light-dark",
        menu=Menu.VIEW,
        run=lambda scene: scene.use_theme(ThemeChoice.SYSTEM),
        chosen=lambda scene: scene.session.settings.theme is ThemeChoice.SYSTEM,
    ),
    Action(
        name="theme_light",
        text="Light colours",
        icon="mdi6.white-balance-sunny",
        menu=Menu.VIEW,
        run=lambda scene: scene.use_theme(ThemeChoice.LIGHT),
        chosen=lambda scene: scene.session.settings.theme is ThemeChoice.LIGHT,
    ),
    Action(
        name="theme_dark",
        text="Dark colours",
        icon="mdi6.weather-night",
        menu=Menu.VIEW,
        run=lambda scene: scene.use_theme(ThemeChoice.DARK),
        chosen=lambda scene: scene.session.settings.theme is ThemeChoice.DARK,
    ),
    Action(
        name="about",
        text="About Databus",
        icon="mdi6.information-outline",
        menu=Menu.HELP,
        run=lambda scene: scene.session.open("about"),
    ),
)
