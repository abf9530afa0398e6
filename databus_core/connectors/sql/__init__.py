"""Tables of SQL databases, for any URL that SQLAlchemy knows."""
