"""Links in HTML attachments of any passenger."""
