"""What lasts as long as one run of a program: a process may run several, after each other or at once."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import pulumi.runtime
from pulumi.runtime.settings import get_monitor

_Value = TypeVar("_Value")


class PerRun(Generic[_Value]):
    """One value for each run of a program, made when it is first asked for, and gone with the run.

    A run is known by its connection to the engine, which Automation API makes for each inline program and a test for
    each `set_mocks`.

    Args:
        make: Makes the value; called in vain at times, where threads ask at once.
    """

    def __init__(self, make: Callable[[], _Value]) -> None:
        self._make = make
        self._values: WeakKeyDictionary[Any, _Value] = WeakKeyDictionary()

    def get(self) -> _Value:
        """Return the value of the program this is called from; a new one outside of Pulumi.

        A thread that a program starts without its context is outside; Pulumi would show it any program's connection.
        """
        run = get_monitor() if pulumi.runtime.get_root_resource() else None
        if run is None:
            return self._make()
        value = self._values.get(run)
        return self._values.setdefault(run, self._make()) if value is None else value
