"""Files in folders: pulled from one, pushed into one."""
