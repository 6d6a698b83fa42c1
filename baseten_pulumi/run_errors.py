"""A Pulumi program that fails or is interrupted ends with a message and without a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

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


def hide_interrupts() -> None:
    """Print no traceback of the KeyboardInterrupt with which the Pulumi CLI ends a program.

    The engine interrupts the program whenever a registration or an operation fails, and Python's traceback of 60 lines
    buries the error. Every other exception goes to the hook that was there before, and the exit status stays. Does
    nothing unless Pulumi's CLI runs the program: a script that uses `pulumi.automation` prints what it always did.
    """
    if not any("pulumi-language-python-exec" in argument for argument in sys.orig_argv):
        return
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if kind is not KeyboardInterrupt:
            previous(kind, error, traceback)

    sys.excepthook = hook
