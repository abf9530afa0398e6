"""The contracts that plug-ins implement, and how plug-ins are found."""
