"""The JSON documents that administrators edit, with a backup before each change."""

from databus_gui.pages.customizing.page import CustomizingPage as CustomizingPage
