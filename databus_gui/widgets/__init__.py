"""Small parts without knowledge of the engine."""
