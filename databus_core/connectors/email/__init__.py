"""E-mails: how they are read, pulled from a folder, and filtered."""
