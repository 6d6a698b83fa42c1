"""How an error of this package ends a program: with its message, and without the program's traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import pulumi


@contextmanager
def shown_without_a_traceback() -> Iterator[None]:
    """Turn an error of this package into one that Pulumi too knows for a message to the user."""
    from baseten_pulumi.errors import BasetenError

    try:
        yield
    except BasetenError as error:
        kind = _shown(type(error))
        shown = kind.__new__(kind, *error.args)
        shown.__dict__.update(error.__dict__)
        raise shown from None


def _shown(kind: type[Exception]) -> type[Exception]:
    return type(kind.__name__, (kind, pulumi.RunError), {"__doc__": kind.__doc__, "__module__": kind.__module__})
