"""Rules 5 to 8: updates, removals, destroy, refresh, lookups and offline previews."""

import json

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.programs import MODEL, patches, program, reported


def test_every_declared_setting_is_sent_when_one_changes(stack: Stack, emulator: Emulator) -> None:
    """An update sends all that is declared, else drift in the others would never converge."""
    stack.program(program({"min_replica": 1, "max_replica": 3}))
    stack.up()
    emulator.change(MODEL, "production", autoscaling_settings={"min_replica": 0})
    stack.program(program({"min_replica": 1, "max_replica": 6}))
    text = stack.preview().text
    assert "~ max_replica: 3 => 6" in text
    assert "min_replica: 1 =>" not in text
    emulator.clear_requests()
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": {"min_replica": 1, "max_replica": 6}}]
    assert reported(emulator, "min_replica") == 1


def test_a_removed_setting_keeps_its_value_when_only_removals_are_left(stack: Stack, emulator: Emulator) -> None:
    """The update forgets it and says so; there is no request, and no key is needed."""
    stack.program(program({"min_replica": 1, "max_replica": 5}))
    stack.up()
    emulator.clear_requests()
    del stack.environment["BASETEN_API_KEY"]
    stack.program(program({"min_replica": 1}))
    run = stack.up()
    assert run.counts["updated"] == 1
    assert "autoscaling_settings.max_replica is no longer managed; Baseten keeps its value (5)." in run.text
    assert not emulator.requests
    assert stack.resource("chat")["outputs"]["autoscaling_settings"] == {"min_replica": 1}
    assert reported(emulator, "max_replica") == 5


def test_baseten_keeps_the_settings_when_a_resource_is_destroyed(stack: Stack, emulator: Emulator) -> None:
    """Delete makes no call and says so."""
    stack.is_settled_at_the_end = False
    stack.program(program({"max_replica": 5}))
    stack.up()
    emulator.clear_requests()
    run = stack.destroy()
    assert f"{MODEL}/production: Baseten keeps the settings" in run.text
    assert not emulator.requests
    assert not stack.state()
    assert reported(emulator, "max_replica") == 5


def test_production_is_untouched_when_a_resource_is_renamed(stack: Stack, emulator: Emulator) -> None:
    """A rename is a create and a delete; neither changes anything at Baseten."""
    stack.program(program({"max_replica": 5}))
    stack.up()
    stack.program(program({"max_replica": 5}).replace('"chat"', '"talk"'))
    assert {"created", "deleted"} <= stack.up().counts.keys()
    assert reported(emulator, "max_replica") == 5


def test_drift_is_shown_and_brought_back_when_somebody_changed_a_setting(stack: Stack, emulator: Emulator) -> None:
    """Refresh takes what is reported into state, the preview shows it return, and `up` sends it."""
    stack.program(program({"min_replica": 1, "max_replica": 3}))
    stack.up()
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9, "concurrency_target": 4})
    stack.refresh()
    assert stack.resource("chat")["inputs"]["autoscaling_settings"] == {"min_replica": 1, "max_replica": 9}
    assert "~ max_replica: 9 => 3" in stack.preview().text
    stack.up()
    assert reported(emulator, "max_replica") == 3
    assert reported(emulator, "concurrency_target") == 4


def test_a_setting_keeps_its_value_when_baseten_reports_null(stack: Stack, emulator: Emulator) -> None:
    """A null says nothing of the value, so refresh leaves it."""
    stack.program(program({"autoscaling_window": 120, "scale_down_delay": 600}))
    stack.up()
    emulator.change(MODEL, "production", autoscaling_settings={"autoscaling_window": None, "scale_down_delay": 700})
    stack.refresh()
    outputs = stack.resource("chat")["outputs"]
    assert outputs["autoscaling_settings"] == {"autoscaling_window": 120, "scale_down_delay": 700}
    emulator.change(MODEL, "production", autoscaling_settings={"autoscaling_window": 120})
    stack.up()


def test_a_declared_zero_is_applied_when_the_percentage_is_reported_as_null(stack: Stack, emulator: Emulator) -> None:
    """Of the two percentages Baseten may report the unused one as null; declared, it is 0."""
    stack.program(program(None, {"rolling_deploy_config": {"max_unavailable_percent": 20}}))
    stack.up()
    config = emulator.reported(MODEL, "production")["promotion_settings"]["rolling_deploy_config"]
    emulator.change(
        MODEL, "production", promotion_settings={"rolling_deploy_config": {**config, "max_surge_percent": None}}
    )
    stack.refresh("--expect-no-changes")


def test_everything_reported_is_read_when_an_environment_is_looked_up(stack: Stack, emulator: Emulator) -> None:
    """`get` reads what exists without managing it: no PATCH is ever sent for it."""
    stack.program(
        "import pulumi\n"
        "from baseten_pulumi import BasetenEnvironmentSettings\n"
        f'found = BasetenEnvironmentSettings.get("found", "{MODEL}/production")\n'
        'pulumi.export("max", found.autoscaling_settings.max_replica)\n'
        'pulumi.export("name", found.env_name)\n'
    )
    stack.up()
    assert stack.outputs() == {"max": 3, "name": "production"}
    stack.program(
        "from baseten_pulumi import BasetenEnvironmentSettings\n"
        f'BasetenEnvironmentSettings.get("missing", "{MODEL}/canary")\n'
    )
    assert f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.' in stack.fails("up")
    stack.program("")
    stack.up()
    assert {request.method for request in emulator.requests} == {"GET"}


def test_a_preview_is_complete_when_there_is_neither_key_nor_network(stack: Stack) -> None:
    """Check and diff are offline, so that previews work on pull requests from forks."""
    stack.program(program({"max_replica": 3}))
    stack.up()
    key, url = stack.environment.pop("BASETEN_API_KEY"), stack.environment["BASETEN_BASE_URL"]
    stack.environment["BASETEN_BASE_URL"] = "http://127.0.0.1:1"
    stack.program(program({"max_replica": 6}))
    assert "~ max_replica: 3 => 6" in stack.preview().text
    stack.environment |= {"BASETEN_API_KEY": key, "BASETEN_BASE_URL": url}
    stack.up()


def test_a_bad_value_is_refused_in_the_preview_when_a_rule_is_broken(stack: Stack, emulator: Emulator) -> None:
    """Each failure names property, rule and value, and nothing is sent."""
    stack.program(program({"min_replica": 3, "max_replica": 2}))
    assert "must be <= max_replica (2), got 3" in stack.fails("preview")
    stack.program(program({"min_replicas": 3, "autoscaling_window": 5}))
    text = stack.fails("up")
    assert 'did you mean "min_replica"?' in text
    assert "must be >= 10 s, got 5" in text
    assert not emulator.requests
    stack.program(program({"min_replica": 1}))
    stack.up()


def test_a_counterpart_is_declared_in_the_preview_when_one_percentage_is_above_zero(stack: Stack) -> None:
    """Baseten wants exactly one of the two above 0; the other becomes a declared 0, which the preview shows."""
    stack.program(program(None, {"rolling_deploy_config": {"max_unavailable_percent": 20}}))
    text = stack.preview().text
    assert "max_surge_percent" in text
    stack.up()
    outputs = stack.resource("chat")["outputs"]["promotion_settings"]["rolling_deploy_config"]
    assert outputs == {"max_unavailable_percent": 20, "max_surge_percent": 0}


def test_unknown_inputs_are_previewed_when_another_resource_provides_them(stack: Stack, emulator: Emulator) -> None:
    """A value known only after `up` is neither validated nor compared in a preview, at any depth."""
    lines = [
        "import pulumi",
        "from baseten_pulumi import BasetenEnvironmentSettings",
        "first = BasetenEnvironmentSettings('first', model_id='lm4chat8', env_name='dev',",
        "    autoscaling_settings={'min_replica': 1})",
        "late = first.in_force.apply(lambda it: 2 if it else 1)",
        "BasetenEnvironmentSettings('chat', model_id=first.status.apply(lambda _: 'lm4chat8'), env_name='production',",
        "    autoscaling_settings={'min_replica': late, 'max_replica': 4},",
        "    promotion_settings={'rolling_deploy_config': late.apply(lambda it: {'max_surge_percent': it})})",
    ]
    stack.program("\n".join(lines))
    assert stack.preview().counts["create"] == 3
    stack.up()
    assert reported(emulator, "min_replica") == 2
    assert not stack.resource("chat")["outputs"].keys() & {"replaces"}


def test_state_is_compatible_when_it_was_written_with_nothing_but_plain_values(stack: Stack) -> None:
    """Whole numbers in state stay whole, nested ones too."""
    stack.program(program({"min_replica": 1}, {"rolling_deploy_config": {"max_surge_percent": 25}}))
    stack.up()
    text = json.dumps(stack.resource("chat")["outputs"])
    assert '"min_replica": 1,' in text or '"min_replica": 1}' in text
    assert "25.0" not in text
