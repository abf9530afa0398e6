"""Programs that let other tools do what a trip does; each runs in the environment that `dev.py bench peers` makes.

Each is called with an address and a number of jobs, and prints jobs per second. A job carries 1 KB of text, is
processed and pushed by functions that do little, and is done when the tool has stored that. The time includes handing
the jobs in, as a trip's includes pulling and seating.
"""
