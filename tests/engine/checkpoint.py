"""The checkpoint: what a stack has, on disk in Pulumi's deployment JSON."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.engine.resource import STACK, Resource, from_json, to_json
from tests.engine.values import Properties

# A thousand resources take tens of milliseconds to write, which must not be all that a run does.
_PAUSE_FOR_EACH_SECOND = 4.0


def read(path: Path) -> list[Resource]:
    """Return the resources of a stack; none if it has no checkpoint."""
    if not path.exists():
        return []
    return [from_json(resource) for resource in json.loads(path.read_text("utf-8"))["deployment"]["resources"]]


def deployment(resources: Iterable[Resource]) -> dict[str, Any]:
    """Return resources as `pulumi stack export` shows them."""
    return {"version": 3, "deployment": {"resources": [to_json(resource) for resource in resources]}}


def stack_outputs(resources: Iterable[Resource]) -> Properties:
    """Return the outputs of the stack."""
    return next((resource.outputs for resource in resources if resource.type == STACK), {})


class Writer:
    """Writes the checkpoint in a thread of its own, soon after every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._resources: Callable[[], list[Resource]] | None = None
        self._changed = threading.Condition()
        self._is_closing = False
        self._error: OSError | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def write(self, resources: Callable[[], list[Resource]]) -> None:
        """Write what `resources` returns, soon."""
        with self._changed:
            self._resources = resources
            self._changed.notify()

    def close(self) -> None:
        """Return once everything is on disk.

        Raises:
            OSError: it could not be written.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._resources or self._is_closing)
                resources, self._resources = self._resources, None
            if resources is None:
                return
            began = time.monotonic()
            try:
                self._replace(json.dumps(deployment(resources()), indent=1, ensure_ascii=False))
                self._error = None
            except OSError as error:
                self._error = error
            pause = _PAUSE_FOR_EACH_SECOND * (time.monotonic() - began)
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing, pause)

    def _replace(self, text: str) -> None:
        temporary = self._path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
