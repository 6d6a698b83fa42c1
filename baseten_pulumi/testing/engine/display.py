"""Tell a run as lines: what is done to which resource, what went wrong, and the sum at the end."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from baseten_pulumi.testing.engine import differences, values
from baseten_pulumi.testing.engine.changes import Change
from baseten_pulumi.testing.engine.printing import write
from baseten_pulumi.testing.engine.steps import STACK, Op, short_type, type_of

BANNER = (
    "Local engine of baseten-pulumi, a stand-in for tests and demos. "
    "For real stacks get the Pulumi CLI: https://www.pulumi.com/docs/install/"
)
ERRORED = "errored"
_SIGNS = {
    Op.SAME: " ", Op.CREATE: "+", Op.UPDATE: "~", Op.DELETE: "-", Op.REPLACE: "+-", Op.CREATE_REPLACEMENT: "++",
    Op.DELETE_REPLACED: "--", Op.READ: ">", Op.REFRESH: "~",
}  # fmt: skip
_DOING = {
    Op.SAME: "same", Op.CREATE: "creating", Op.UPDATE: "updating", Op.DELETE: "deleting", Op.REPLACE: "replacing",
    Op.CREATE_REPLACEMENT: "creating replacement", Op.DELETE_REPLACED: "deleting original", Op.READ: "reading",
    Op.REFRESH: "refreshing",
}  # fmt: skip
_DONE = {
    Op.SAME: "same", Op.CREATE: "created", Op.UPDATE: "updated", Op.DELETE: "deleted", Op.REPLACE: "replaced",
    Op.CREATE_REPLACEMENT: "created replacement", Op.DELETE_REPLACED: "deleted original", Op.READ: "read",
    Op.REFRESH: "refreshed",
}  # fmt: skip
_COLOURS = {"+": 32, "~": 33, "-": 31, "+-": 35, "++": 32, "--": 31, ">": 36}
_COUNTED = (Op.CREATE, Op.UPDATE, Op.DELETE, Op.REPLACE)
_NOTHING = Change()


@dataclass(frozen=True, slots=True)
class Message:
    """Something the program, a provider or the engine said of a resource ("" for the whole run)."""

    urn: str
    severity: str
    text: str


class Display:
    """The one place that writes. Lines come from many threads and are whole, in order and flushed."""

    def __init__(self, stream: TextIO, *, show_diff: bool = False, colour: bool | None = None) -> None:
        self._stream = stream
        self._show_diff = show_diff
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR") if colour is None else colour
        self._lock = threading.RLock()
        self._written: list[str] = []
        self._running: dict[str, tuple[Op, float, str]] = {}
        self._statuses: dict[str, str] = {}
        self.dry_run = False
        self.counts: Counter[str] = Counter()
        self.messages: list[Message] = []

    @property
    def text(self) -> str:
        """Everything said so far."""
        return "".join(f"{line}\n" for line in self._written)

    def begin(self, title: str, *, dry_run: bool) -> None:
        """Start an operation: its title, and counts and messages from nothing."""
        with self._lock:
            self.dry_run = dry_run
            self.counts = Counter()
            self.messages = []
            self._statuses = {}
            self.say(title)
            self.say("")

    def say(self, line: str) -> None:
        """Write a line as it is."""
        with self._lock:
            self._written.append(line)
            write(self._stream, f"{line}\n")

    def step(self, op: Op, urn: str, change: Change = _NOTHING) -> None:
        """Say that a step begins, or in a preview that it would, and what it changes."""
        found = change.summary() if op in (Op.UPDATE, Op.REPLACE, Op.CREATE_REPLACEMENT) else ""
        note = f"[diff: {found}]" if found else ""
        with self._lock:
            self._running[urn] = (op, time.monotonic(), note)
            self._row(op, (op.value if self.dry_run else _DOING[op]), urn, note)
            if self._show_diff:
                self._diff(op, change)

    def done(self, op: Op, urn: str) -> None:
        """Count a step and, outside a preview, say that it is done."""
        with self._lock:
            self.counts[op.value] += 1
            _, started, note = self._running.pop(urn, (op, time.monotonic(), ""))
            if not self.dry_run and op not in (Op.SAME, Op.READ):
                self._row(op, _DONE[op], urn, f"({time.monotonic() - started:.2f}s) {note}".rstrip())

    def refreshed(self, op: Op, urn: str, change: Change = _NOTHING) -> None:
        """Say and count what a refresh found."""
        with self._lock:
            self._running.pop(urn, None)
            self.counts[op.value] += 1
            if op is not Op.SAME:
                found = change.summary() if op is Op.UPDATE else ""
                word = op.value if self.dry_run else _DONE[op]
                self._row(op, word, urn, f"[diff: {found}]" if found else "")
                if self._show_diff:
                    self._diff(op, change)

    def forget_findings(self) -> None:
        """Count from nothing after a refresh that comes first; its failures stay."""
        with self._lock:
            self.counts = Counter({ERRORED: self.counts[ERRORED]})

    def failed(self, op: Op, urn: str, text: str) -> None:
        """Say that a step failed; the whole text comes again under Diagnostics."""
        with self._lock:
            self.counts[ERRORED] += 1
            self._running.pop(urn, None)
            first = (text.strip() or "error").splitlines()[0]
            self._row(op, f"**{_DOING[op]} failed**", urn, f"error: {first}")
            self.messages.append(Message(urn, "error", text))

    def status(self, urn: str, text: str) -> None:
        """Show a resource's live status where it changed."""
        with self._lock:
            if self._statuses.get(urn) == text:
                return
            self._statuses[urn] = text
            op = self._running.get(urn, (Op.SAME, 0.0, ""))[0]
            self._row(op, op.value if self.dry_run else _DOING[op], urn, " ".join(text.split("\n")))

    def message(self, severity: str, urn: str, text: str) -> None:
        """Keep a message for Diagnostics and show its first line now."""
        with self._lock:
            self.messages.append(Message(urn, severity, text))
            prefix = "" if severity == "info" else f"{severity}: "
            first = (text.strip() or severity).splitlines()[0]
            op = self._running.get(urn, (Op.SAME, 0.0, ""))[0]
            self._row(op, "", urn, prefix + first) if urn else self.say(f"     {prefix}{first}")

    def outputs(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Show the stack's outputs and how they differ from the last ones; a preview shows those that are known to.

        Secrets must be masked.
        """
        keys = [key for key in sorted(old.keys() | new.keys()) if not (self.dry_run and _is_no_news(key, old, new))]
        if not keys:
            return
        self.say("Outputs:")
        width = max(map(len, keys))
        for key in keys:
            one, other = ({key: found[key]} if key in found else {} for found in (old, new))
            for line in list(differences.lines(one, other, width)) or differences.whole(other, width=width):
                self.say(f"  {line}")
        self.say("")

    def diagnostics(self) -> None:
        """Show every message again, in full, by resource."""
        if not self.messages:
            return
        self.say("Diagnostics:")
        for urn in dict.fromkeys(message.urn for message in self.messages):
            self.say(f"  {short_type(type_of(urn))} ({urn.rpartition('::')[2]}):" if urn else f"  {STACK}:")
            for message in self.messages:
                if message.urn == urn:
                    self._whole(message)
            self.say("")

    def summary(self, seconds: float) -> None:
        """Show the counts in Pulumi's words, and the time where something was done."""
        self.say("Resources:")
        changes = [op for op in _COUNTED if self.counts[op.value]]
        for op in changes:
            word = f"to {op.value}" if self.dry_run else _DONE[op]
            self.say(f"    {_SIGNS[op]:<2}{self.counts[op.value]} {word}")
        same = f"{self.counts[Op.SAME.value]} unchanged" if self.counts[Op.SAME.value] else ""
        total = f"{sum(self.counts[op.value] for op in changes)} changes." if len(changes) > 1 else ""
        if same or total:
            self.say(f"    {total} {same}".rstrip() if total else f"    {same}")
        if self.counts[ERRORED]:
            self.say(f"    {self.counts[ERRORED]} errored")
        self.say("")
        if not self.dry_run:
            self.say(f"Duration: {seconds:.0f}s" if seconds >= 1 else "Duration: 1s")
            self.say("")

    def _whole(self, message: Message) -> None:
        prefix = "" if message.severity == "info" else f"{message.severity}: "
        for line in f"{prefix}{message.text}".rstrip("\n").split("\n"):
            self.say(f"    {line}".rstrip())

    def _row(self, op: Op, word: str, urn: str, note: str) -> None:
        parts = (word, short_type(type_of(urn)), urn.rpartition("::")[2], note)
        row = "  ".join(part for part in parts if part)
        sign = _SIGNS[op]
        shown = f"\x1b[{_COLOURS[sign]}m{sign:<2}\x1b[0m" if self._colour and sign in _COLOURS else f"{sign:<2}"
        self.say(f" {shown} {row}")

    def _diff(self, op: Op, change: Change) -> None:
        found: Iterable[str]
        if op in (Op.CREATE, Op.DELETE):
            found = differences.whole(change.new if op is Op.CREATE else change.old, _SIGNS[op])
        elif op in (Op.UPDATE, Op.REPLACE):
            found = change.lines()
        else:
            return
        for line in found:
            self.say(f"      {line}")


def _is_no_news(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether an output stays as it was, or is one that only the operation itself will tell."""
    return key in old and key in new and (new[key] == values.UNKNOWN or values.same(old[key], new[key]))
