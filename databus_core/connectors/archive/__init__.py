"""Archives among the attachments of any passenger."""
