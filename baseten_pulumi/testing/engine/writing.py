"""Keep the disk up with a run: soon after each change, yet without writing a big stack's file at every step."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from baseten_pulumi.testing.engine.checkpoint import CheckpointError, Resource, document_of, replace_file, to_json
from baseten_pulumi.testing.engine.vault import Vault

_SHORTEST_PAUSE_SECONDS = 0.05
# A stack of a thousand resources takes tens of milliseconds to write; it must not be all that a run does.
_PAUSE_FOR_EACH_SECOND = 4.0
_NO_RESOURCES = "[]}}"


class Writer:
    """Write a stack's checkpoint on a thread of its own: at most every 50 ms, and for a fifth of the time."""

    def __init__(self, path: Path, vault: Vault, written: Iterable[Resource]) -> None:
        self._path = path
        self._vault = vault
        self._entries: dict[int, tuple[Resource, str]] = {}
        self._last = self._texts(written)
        self._wanted: Callable[[], list[Resource]] | None = None
        self._changed = threading.Condition()
        self._closing = False
        self.error: CheckpointError | None = None
        self._thread = threading.Thread(target=self._write_on_change, name="checkpoint", daemon=True)
        self._thread.start()

    def write(self, resources: Callable[[], list[Resource]]) -> None:
        """Ask for the resources there are by then to be on disk soon."""
        with self._changed:
            self._wanted = resources
            self._changed.notify()

    def close(self) -> None:
        """Return when everything asked for is on disk.

        Raises:
            CheckpointError: where it is not.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self.error:
            raise self.error

    def _write_on_change(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not None or self._closing)
                resources, self._wanted = self._wanted, None
            if resources is None:
                return
            began = time.monotonic()
            self._save(resources())
            self._pause(time.monotonic() - began)

    def _pause(self, taken_seconds: float) -> None:
        seconds = max(_SHORTEST_PAUSE_SECONDS, _PAUSE_FOR_EACH_SECOND * taken_seconds)
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)

    def _save(self, resources: list[Resource]) -> None:
        texts = self._texts(resources)
        if texts == self._last:
            return
        head = json.dumps(document_of([], self._vault), ensure_ascii=False).removesuffix(_NO_RESOURCES)
        try:
            replace_file(self._path, head + "[\n" + ",\n".join(texts) + "\n]}}\n")
            self._last, self.error = texts, None
        except CheckpointError as error:
            self.error = error

    def _texts(self, resources: Iterable[Resource]) -> list[str]:
        """Give each resource's text; only one that was not there the last time costs anything."""
        before = self._entries
        self._entries = {id(found): before.get(id(found)) or (found, self._text(found)) for found in resources}
        return [text for _, text in self._entries.values()]

    def _text(self, resource: Resource) -> str:
        return json.dumps(to_json(resource, self._vault), ensure_ascii=False)
