"""Measurements, run by `dev.py bench NAME`: ratios to a reference in the same run, since machines differ."""
