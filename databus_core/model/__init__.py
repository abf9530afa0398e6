"""What travels and what is kept. Knows nobody above it."""
