"""Tables of any length: rows come page by page when they are looked at."""
