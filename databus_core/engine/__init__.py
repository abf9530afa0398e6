"""Trips: when they start, what happens on them, and who is told."""
