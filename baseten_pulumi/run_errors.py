"""Errors that end a Pulumi program with their message and without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

from baseten_pulumi.errors import BasetenError


@contextmanager
def run_errors() -> Iterator[None]:
    """Raise every BasetenError as an error that is also a `pulumi.RunError`; class and attributes stay."""
    try:
        yield
    except BasetenError as error:
        kind = type(error)
        both = type(kind.__name__, (kind, pulumi.RunError), {"__doc__": kind.__doc__, "__module__": kind.__module__})
        copy = both.__new__(both, *error.args)
        copy.__dict__.update(error.__dict__)
        raise copy from None
