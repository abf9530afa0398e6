"""The main window."""

from databus_gui.main_window.main_window import MainWindow as MainWindow
