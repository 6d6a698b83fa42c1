"""What a run prints: a row for each step, messages, outputs, and the summary."""

import threading
import time
from collections import Counter
from typing import TextIO

from tests.engine import diff, values
from tests.engine.diff import Diff
from tests.engine.resource import STACK, Op, name_of, type_of
from tests.engine.values import Properties

BANNER = "Local engine of baseten-pulumi, a stand-in for the Pulumi CLI"
_CHANGES = (Op.CREATE, Op.UPDATE, Op.DELETE, Op.REPLACE)


class Display:
    """Prints whole lines, from many threads."""

    def __init__(self, stream: TextIO, *, show_diff: bool, is_preview: bool) -> None:
        self._stream = stream
        self._show_diff = show_diff
        self._is_preview = is_preview
        self._lock = threading.RLock()
        self._running: dict[str, tuple[Op, float, str]] = {}
        self._statuses: dict[str, str] = {}
        self._messages: list[tuple[str, str]] = []
        self._counts: Counter[Op] = Counter()
        self._errors = 0
        self._began = time.monotonic()

    @property
    def has_changes(self) -> bool:
        """Whether anything changed, or in a preview would."""
        return any(self._counts[op] for op in _CHANGES)

    @property
    def has_errors(self) -> bool:
        """Whether an error was shown."""
        return self._errors > 0 or any(text.startswith("error: ") for _, text in self._messages)

    def line(self, text: str = "") -> None:
        """Print one line."""
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def start(self, op: Op, urn: str, change: Diff | None = None, properties: Properties | None = None) -> None:
        """Show that a step begins, or in a preview that it would.

        Args:
            op: What it does.
            urn: The resource.
            change: What it changes.
            properties: All properties, where they are created or deleted.
        """
        found = diff.summary(change) if change else ""
        note = f"[diff: {found}]" if found else ""
        with self._lock:
            self._running[urn] = (op, time.monotonic(), note)
            self._row(op, op.word if self._is_preview else op.doing, urn, note)
            self._details(op, change, properties)

    def end(self, op: Op, urn: str) -> None:
        """Count a step and, outside of previews, show that it is done."""
        with self._lock:
            self._counts[op] += 1
            _, began, note = self._running.pop(urn, (op, time.monotonic(), ""))
            if not self._is_preview and op not in (Op.SAME, Op.READ):
                self._row(op, op.done, urn, f"({time.monotonic() - began:.2f}s) {note}".rstrip())

    def refreshed(self, op: Op, urn: str, change: Diff | None = None, properties: Properties | None = None) -> None:
        """Show and count what a refresh found."""
        with self._lock:
            self._counts[op] += 1
            if op is not Op.SAME:
                found = diff.summary(change) if change else ""
                self._row(op, op.word if self._is_preview else op.done, urn, f"[diff: {found}]" if found else "")
                self._details(op, change, properties)

    def forget_counts(self) -> None:
        """Count from nothing, after the refresh that comes first."""
        with self._lock:
            self._counts.clear()

    def failed(self, op: Op, urn: str, text: str) -> None:
        """Show that a step failed; the whole text comes again in the diagnostics."""
        with self._lock:
            self._errors += 1
            self._running.pop(urn, None)
            self._row(op, f"**{op.doing} failed**", urn, f"error: {_first_line(text)}")
            self._messages.append((urn, f"error: {text}"))

    def status(self, urn: str, text: str) -> None:
        """Show a resource's live status if it changed."""
        with self._lock:
            if self._statuses.get(urn) != text:
                self._statuses[urn] = text
                op = self._running.get(urn, (Op.SAME,))[0]
                self._row(op, op.word if self._is_preview else op.doing, urn, " ".join(text.split("\n")))

    def message(self, severity: str, urn: str, text: str) -> None:
        """Show the first line of a message now, and all of it in the diagnostics; the URN "" means the stack's."""
        with self._lock:
            whole = text if severity == "info" else f"{severity}: {text}"
            self._messages.append((urn, whole))
            if urn:
                self._row(self._running.get(urn, (Op.SAME,))[0], "", urn, _first_line(whole))
            else:
                self.line(f"     {_first_line(whole)}")

    def finish(self, old_outputs: Properties, new_outputs: Properties) -> None:
        """Show the diagnostics, the stack's outputs and the summary."""
        with self._lock:
            self._diagnostics()
            self._outputs(old_outputs, new_outputs)
            self._summary()

    def _diagnostics(self) -> None:
        if self._messages:
            self.line("Diagnostics:")
        for urn in dict.fromkeys(urn for urn, _ in self._messages):
            self.line(f"  {_short_type(urn)} ({name_of(urn)}):" if urn else f"  {STACK}:")
            for text in (text for of, text in self._messages if of == urn):
                for line in text.rstrip("\n").split("\n"):
                    self.line(f"    {line}".rstrip())
            self.line()

    def _outputs(self, old: Properties, new: Properties) -> None:
        """Show outputs and how they differ; a preview shows those alone of which it knows that they do."""
        keys = [key for key in sorted(old.keys() | new.keys()) if not (self._is_preview and _is_no_news(key, old, new))]
        if not keys:
            return
        self.line("Outputs:")
        width = max(map(len, keys))
        for key in keys:
            one, other = ({key: found[key]} if key in found else {} for found in (old, new))
            change = diff.compare(one, other)
            for line in diff.lines(change, width=width) if change else diff.whole(other, width=width):
                self.line(f"  {line}")
        self.line()

    def _summary(self) -> None:
        self.line("Resources:")
        changes = [op for op in _CHANGES if self._counts[op]]
        for op in changes:
            self.line(f"    {op.sign:<2}{self._counts[op]} {f'to {op.word}' if self._is_preview else op.done}")
        total = f"{sum(self._counts[op] for op in changes)} changes. " if len(changes) > 1 else ""
        same = f"{self._counts[Op.SAME]} unchanged" if self._counts[Op.SAME] else ""
        if total or same:
            self.line(f"    {total}{same}".rstrip())
        if self._errors:
            self.line(f"    {self._errors} errored")
        if not self._is_preview:
            self.line(f"\nDuration: {max(1, round(time.monotonic() - self._began))}s")
        self.line()

    def _row(self, op: Op, word: str, urn: str, note: str) -> None:
        parts = (word, _short_type(urn), name_of(urn), note)
        self.line(f" {op.sign:<2} {'  '.join(part for part in parts if part)}")

    def _details(self, op: Op, change: Diff | None, properties: Properties | None) -> None:
        if not self._show_diff or op is Op.CREATE_REPLACEMENT:  # whose replacement shows it
            return
        found = diff.lines(change) if change else diff.whole(properties, op.sign) if properties else ()
        for line in found:
            self.line(f"      {line}")


def _short_type(urn: str) -> str:
    return type_of(urn).removeprefix("pulumi-python:").removeprefix("dynamic/")


def _first_line(text: str) -> str:
    return (text.strip() or "error").splitlines()[0]


def _is_no_news(key: str, old: Properties, new: Properties) -> bool:
    return key in old and key in new and (new[key] == values.UNKNOWN or values.is_equal(old[key], new[key]))
