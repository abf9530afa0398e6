"""Passengers, pullers, processors and pushers that carry nothing real: to try Databus out, anywhere."""
