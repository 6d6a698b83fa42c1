"""The release, said here alone: the distribution, `--version` and requests take it from here."""

__version__ = "0.1.0"
