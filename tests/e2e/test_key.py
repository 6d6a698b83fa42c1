"""The API key is in nothing that a run leaves or shows, whatever Baseten answers and however it writes the key."""

from base64 import b64encode

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.key_scan import holds
from tests.programs import program, schedules, timeout
from tests.schedules import schedule
from tests.stacks import API_KEY, ON_REAL_ENGINE, Stack

ECHO = f"{API_KEY} {b64encode(f'Api-Key {API_KEY}'.encode()).decode()}"
HEADERS = {"x-request-id": API_KEY, "location": f"https://elsewhere.example/?key={API_KEY}"}
# A test of the client alone has the other statuses.
STATUSES = (307, 401, 422, 503)
# Everything the engine can log.
TALKATIVE = ("--logtostderr", "--logflow", "-v=9")

_EVERY_ERROR = f"""
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

for model_id, env_name in {{environments!r}}:
    BasetenEnvironmentSettings(
        f"{{{{model_id}}}}-{{{{env_name}}}}",
        model_id=model_id,
        env_name=env_name,
        autoscaling_settings={{{{"min_replica": 1, "max_replica": 4}}}},
        {timeout(2)},
    )
"""


def _faulty(emulator: Emulator) -> list[tuple[str, str]]:
    """Have each of some models answered in its own bad way; return an environment of each."""
    faults = [
        *(Fault.status(it, {"message": ECHO}, HEADERS, method="PATCH", model_id=f"s{it}") for it in STATUSES),
        Fault.body(f"<html>{ECHO}", model_id="unreadable", times=8),  # not for the minute that a refresh tries it
        Fault.body({"status": API_KEY}, method="PATCH", model_id="odd-word"),
        Fault.dropped(method="PATCH", model_id="dropped"),
        Fault.never_applies(model_id="never"),
    ]
    models = [str(fault.match["model_id"]) for fault in faults]
    for model_id, fault in zip(models, faults, strict=True):
        emulator.add_model(model_id, model_id)
        emulator.faults.add(fault)
    return [*((it, "production") for it in models), ("missing", "production"), ("s422", "missing")]


def _seen(stack: Stack, emulator: Emulator, *operations: str) -> str:
    """Run operations that may fail; return what they showed, wrote and sent, all of it."""
    flags = TALKATIVE if stack.kind == "real" else ()
    shown = [stack.run(*operation.split(), *flags).text for operation in operations]
    return "\n".join([*shown, str(stack.state()), stack.written(), str(emulator.requests)])


@pytest.mark.emulator(api_key=API_KEY)
def test_the_key_is_nowhere_when_every_error_echoes_it(stack: Stack, emulator: Emulator) -> None:
    """Output, logs, what engine and plugins say to each other, state, its backups, and the emulator's record."""
    stack.environment["PULUMI_DEBUG_GRPC"] = str(stack.folder / "wire.json")
    broken = _EVERY_ERROR.format(environments=_faulty(emulator))
    # The schedule is created, read and deleted; a rejected update of it comes between.
    stack.program(broken + schedules({"peak": schedule()}))
    seen = _seen(stack, emulator, "up --continue-on-error", "refresh")
    emulator.faults.add(Fault.status(422, {"message": ECHO}, HEADERS, model_id="lm4chat8"))
    stack.program(schedules({"peak": schedule(end_hour=12)}))
    seen += _seen(stack, emulator, "up --continue-on-error", "refresh", "destroy --continue-on-error")
    for status in STATUSES:
        assert f"Baseten returned {status}" in seen
    for words in ("an unexpected body", "lost its connection", "Timed out", "was not found"):
        assert words in seen
    assert "was not updated" in seen
    assert "[redacted]" in seen
    assert not holds(seen, API_KEY)


@pytest.mark.emulator(api_key=API_KEY)
@ON_REAL_ENGINE
def test_the_key_is_in_none_of_our_output_when_it_is_a_secret_of_the_stack(stack: Stack, emulator: Emulator) -> None:
    """As configuration it is encrypted in the stack's file and state, and used.

    At its highest verbosity the engine itself logs what it hands to providers, and filters only what it shows.
    """
    del stack.environment["BASETEN_API_KEY"]
    stack.set_config("--secret", "baseten:apiKey", API_KEY)
    stack.program(program({"min_replica": 1}))
    assert not holds(stack.up().text + stack.written(), API_KEY)
    seen = _seen(stack, emulator, "up", "preview", "refresh")
    assert {request.status for request in emulator.requests} == {200}
    assert not holds("\n".join(line for line in seen.splitlines() if ".Configure().inputs]" not in line), API_KEY)
