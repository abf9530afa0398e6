"""The pages of the main window, in the order of the sidebar."""

from databus_gui.pages.about import AboutPage
from databus_gui.pages.audit import AuditPage
from databus_gui.pages.customizing import CustomizingPage
from databus_gui.pages.export import ExportPage
from databus_gui.pages.logs import LogsPage
from databus_gui.pages.page import Page
from databus_gui.pages.passengers import PassengersPage
from databus_gui.pages.peek import PeekPage
from databus_gui.pages.queue import QueuePage
from databus_gui.pages.ticket import TicketPage

PAGES: tuple[type[Page], ...] = (
    PassengersPage,
    QueuePage,
    LogsPage,
    PeekPage,
    CustomizingPage,
    TicketPage,
    ExportPage,
    AuditPage,
    AboutPage,
)
