"""The programs that are measured; each is run as its project's `__main__.py`."""
