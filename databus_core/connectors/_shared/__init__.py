"""What connectors of several systems have in common; no connector itself."""
