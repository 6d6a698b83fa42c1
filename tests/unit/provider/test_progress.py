import sys
import time
from typing import TYPE_CHECKING

import pytest
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi.provider import engine as engines
from baseten_pulumi.provider import progress
from baseten_pulumi.provider.progress import Row
from tests.programs import until
from tests.unit.provider.conftest import forget_engine

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

URN = "urn:pulumi:dev::p::pulumi-python:dynamic/baseten:EnvironmentSettings::settings"


def test_every_line_arrives_when_a_row_is_reported(engine: "Engine") -> None:
    """A live line names its row, replaces the one before, and none is lost on the way."""
    row = Row(URN)
    sent = [f"waiting, {number} s" for number in range(30)]
    for text in sent:
        row.report(text)
    assert sorted(engine.await_lines(lambda texts: len(texts) >= 30)) == sorted(sent)
    assert {(it.urn, it.ephemeral, it.severity) for it in engine.lines} == {(URN, True, engine_pb2.INFO)}
    until(lambda: not progress._under_way)


@pytest.mark.parametrize(("tell", "severity"), [(Row.note, engine_pb2.INFO), (Row.warn, engine_pb2.WARNING)])
def test_note_has_arrived_and_stays_when_it_was_told(tell: object, severity: int, engine: "Engine") -> None:
    """Notes and warnings outlive the row, and have arrived when the call returns."""
    assert callable(tell)
    tell(Row(URN), "kept")
    (line,) = engine.lines
    assert (line.urn, line.message, line.ephemeral, line.severity) == (URN, "kept", False, severity)


def test_nothing_happens_when_the_engine_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that cannot be shown never fails or holds up the operation it tells of."""
    monkeypatch.setattr(sys, "argv", ["pulumi.dynamic", "127.0.0.1:9"])
    forget_engine()
    row, began = Row(URN), time.monotonic()
    row.report("lost")
    row.note("lost")
    row.warn("lost")
    assert time.monotonic() - began < 30.0
    forget_engine()


@pytest.mark.parametrize("flags", [[], ["--logtostderr", "-v=9"], ["--tracing", "http://127.0.0.1:9411/api"]])
def test_engine_is_found_when_flags_come_before_its_address(flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbose logs and traces are asked for with arguments of the host's."""
    monkeypatch.setattr(sys, "argv", ["pulumi.dynamic", *flags, "127.0.0.1:9"])
    forget_engine()
    assert engines.address() == ("127.0.0.1", 9)
    forget_engine()


@pytest.mark.parametrize("argv", [[], ["x"], ["x", ""], ["x", "tests"], ["x", "a.py::test"], ["x", ":80"], ["x", "a:"]])
def test_nothing_is_said_when_no_engine_started_the_process(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside Pulumi's host the last argument is no address."""
    monkeypatch.setattr(sys, "argv", argv)
    forget_engine()
    assert engines.stub() is None
    Row(URN).report("nobody hears")
    Row(URN).note("nobody hears")
