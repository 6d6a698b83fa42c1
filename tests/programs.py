"""Programs for the end-to-end tests of the resource, and what Baseten was sent because of them."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from baseten_pulumi.testing import Emulator
from tests.stacks import RUN_SECONDS

MODEL = "lm4chat8"
FROM_CONFIG = f"""
from baseten_pulumi import BasetenModelEnvironments, settings_from_config

BasetenModelEnvironments("chat", model_id="{MODEL}", environments=settings_from_config())
"""
MODELS_FROM_CONFIG = """
from baseten_pulumi import BasetenModelEnvironments, models_from_config

for name, model in models_from_config().items():
    BasetenModelEnvironments(name, **model)
"""

_SETTINGS = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

settings = BasetenEnvironmentSettings(
    "chat",
    model_id={model!r},
    env_name={environment!r},
    autoscaling_settings={autoscaling!r},
    promotion_settings={promotion!r},
    {more}
)
pulumi.export("min", settings.autoscaling_settings.apply(lambda it: it and it.min_replica))
pulumi.export("repr", settings.autoscaling_settings.apply(lambda it: repr(it and it.min_replica)))
pulumi.export("promotion", settings.promotion_settings)
pulumi.export("status", settings.status)
pulumi.export("in_force", settings.in_force)
"""


def program(
    autoscaling: object = None,
    promotion: object = None,
    *,
    model: str = MODEL,
    environment: str = "production",
    more: str = "",
) -> str:
    """Return a program that declares the settings of one environment, under the name chat; `more` is source."""
    return _SETTINGS.format(
        autoscaling=autoscaling, promotion=promotion, model=model, environment=environment, more=more
    )


def timeout(seconds: int) -> str:
    """Return the argument that limits create and update."""
    limits = f'pulumi.CustomTimeouts(create="{seconds}s", update="{seconds}s")'
    return f"opts=pulumi.ResourceOptions(custom_timeouts={limits})"


_SCHEDULES = """
import pulumi
from baseten_pulumi import BasetenAutoscalingSchedule

for resource_name, arguments in {declared!r}.items():
    BasetenAutoscalingSchedule(resource_name, **arguments, {more})
"""


def schedules(
    declared: Mapping[str, Mapping[str, Any]],
    *,
    timezone: str = "UTC",
    environment: str = "production",
    more: str = timeout(60),
) -> str:
    """Return a program that declares autoscaling schedules as the API has them, by the names of their resources.

    Parts of a schedule may replace its time zone and environment. By default, `more`, which is source, keeps a defect
    from waiting for 30 minutes.
    """
    shared = {"model_id": MODEL, "env_name": environment, "timezone": timezone}
    resources = {
        resource: {**shared, **{"schedule_name" if part == "name" else part: it for part, it in parts.items()}}
        for resource, parts in declared.items()
    }
    return _SCHEDULES.format(declared=resources, more=more)


def patches(emulator: Emulator) -> list[object]:
    """Return the bodies of the PATCHes Baseten received."""
    return [request.body for request in emulator.requests if request.method == "PATCH"]


def polls(emulator: Emulator) -> int:
    """Return the number of requests since the last PATCH; 0 before the first."""
    methods = [request.method for request in emulator.requests]
    return methods[::-1].index("PATCH") if "PATCH" in methods else 0


def until(condition: Callable[[], bool], within_seconds: float = RUN_SECONDS) -> None:
    """Return once a condition holds that other processes bring about; one that never comes to hold fails the test."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came to hold"
        time.sleep(0.02)


@contextlib.contextmanager
def once(condition: Callable[[], bool], act: Callable[[], None]) -> Iterator[None]:
    """Act while the block runs, as soon as a condition holds; one that never does fails the test."""
    ended, acted = threading.Event(), threading.Event()

    def watch() -> None:
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline and not ended.wait(0.02):
            if condition():
                act()
                acted.set()
                return

    thread = threading.Thread(target=watch, name="once")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert acted.is_set(), "the run ended before the condition held"


def reported(emulator: Emulator, setting: str, env_name: str = "production", model: str = MODEL) -> object:
    """Return an autoscaling setting, as Baseten reports it."""
    return emulator.reported(model, env_name)["autoscaling_settings"][setting]


def requested(emulator: Emulator) -> list[tuple[str, str]]:
    """Return method and environment of each request so far; requests for a whole model have `environments`."""
    return [(request.method, request.path.rpartition("/")[2]) for request in emulator.requests]
