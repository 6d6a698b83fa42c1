"""The current settings, exported, become a stack that changes nothing."""

import pytest

from baseten_pulumi.cli import main
from baseten_pulumi.testing import Emulator
from tests.programs import FROM_CONFIG, MODEL, MODELS_FROM_CONFIG
from tests.schedules import one_time, reported, schedule
from tests.stacks import API_KEY, Stack


@pytest.fixture
def account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """A model that was set up by hand, with one value that no program may declare."""
    monkeypatch.setenv("BASETEN_BASE_URL", emulator.url)
    monkeypatch.setenv("BASETEN_API_KEY", API_KEY)
    emulator.change(
        MODEL,
        "production",
        autoscaling_settings={"min_replica": 2, "max_replica": 8, "scale_down_delay": 7200, "autoscaling_window": None},
        promotion_settings={"rolling_deploy": True, "promotion_cleanup_strategy": "KEEP"},
    )
    emulator.change(MODEL, "staging", promotion_settings={"rolling_deploy_config": {"max_unavailable_percent": 0}})
    return emulator


def _exported(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert main(["export", *flags]) == 0
    return capsys.readouterr().out


def _nothing_changes(stack: Stack, account: Emulator, *, environments: int, resources: int) -> None:
    """Preview and apply what was exported: Baseten answers every PATCH with UNCHANGED."""
    models = [it["id"] for it in account.models()]
    before = [account.environments(it) for it in models]
    assert stack.preview().counts == {"create": resources}
    account.clear_requests()
    assert stack.up().counts["created"] == resources
    outcomes = [request.outcome for request in account.requests if request.method == "PATCH"]
    assert outcomes == ["UNCHANGED"] * environments
    assert [account.environments(it) for it in models] == before
    stack.refresh("--expect-no-changes")


def test_nothing_changes_when_an_exported_program_is_run(
    stack: Stack, account: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Environments and schedules are adopted without a PATCH. One that has started is a comment, and stays as it is."""
    hourly = schedule("Every hour", cadence="HOURLY", start_hour=None, end_hour=None, end_minute=15, enabled=False)
    by_hand = (
        reported(schedule('Früh "1"', weekdays=["FRIDAY", "MONDAY"], overrides={"concurrency_target": 4})),
        reported(hourly),
        one_time("Launch"),
        one_time("Started", start_at="2020-01-01T08:00:00Z"),
    )
    daily_id, hourly_id, launch_id, started_id = (
        account.put_schedule(MODEL, "production", one, "Europe/Berlin") for one in by_hand
    )
    text = _exported(capsys)
    assert '"scale_down_delay": None,  # left out, must be <= 3600 s, got 7200' in text
    assert f'# Schedule "Started" ({started_id}) of environment production: left out.' in text
    stack.program(text)
    _nothing_changes(stack, account, environments=9, resources=25)
    held = {it["urn"].rpartition("::llama-chat-production")[2]: it.get("outputs", {}) for it in stack.state()}
    assert held[""]["autoscaling_settings"]["max_replica"] == 8
    for name, schedule_id in ("-fr-h-1", daily_id), ("-every-hour", hourly_id), ("-launch", launch_id):
        assert (held[name]["schedule_id"], held[name]["in_force"]) == (schedule_id, True)


def test_nothing_changes_when_exported_stack_config_is_read(
    stack: Stack, account: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one model, for a program that all stacks share."""
    stack.program(FROM_CONFIG)
    config = stack.folder / "Pulumi.dev.yaml"
    config.write_text(
        config.read_text().replace("config: {}\n", "") + _exported(capsys, "--model", "llama-chat", "--stack-config")
    )
    _nothing_changes(stack, account, environments=3, resources=6)
    assert stack.resource("chat-production")["inputs"]["autoscaling_settings"]["max_replica"] == 8


def test_nothing_changes_when_exported_stack_config_of_several_models_is_read(
    stack: Stack, account: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.program(MODELS_FROM_CONFIG)
    config = stack.folder / "Pulumi.dev.yaml"
    config.write_text(config.read_text().replace("config: {}\n", "") + _exported(capsys, "--stack-config"))
    _nothing_changes(stack, account, environments=9, resources=16)
    assert stack.resource("llama-chat-production")["inputs"]["autoscaling_settings"]["max_replica"] == 8
