"""The queue of a client: each passenger and how far its steps have come."""

from databus_gui.pages.queue.page import QueuePage as QueuePage
