"""Take settings through their whole life, on an emulator of Baseten; `make demo` runs this.

It works in a temporary folder, with a home, state, passphrase and key of its own, and leaves nothing behind. It uses
the Pulumi CLI if that is on PATH, otherwise a stand-in for its engine.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baseten_pulumi.testing import Emulator
from tests.isolation import isolated_environment
from tests.programs import once
from tests.projects import Project, StepFailedError

MODEL = "lm4chat8"
PROGRAM = f"""\
import pulumi
from baseten_pulumi import BasetenEnvironment, BasetenEnvironmentSettings

canary = BasetenEnvironment(
    "canary", model_id="{MODEL}", env_name="canary", opts=pulumi.ResourceOptions(protect=False)
)
BasetenEnvironmentSettings(
    "canary",
    model_id="{MODEL}",
    env_name=canary.env_name,
    autoscaling_settings={{"min_replica": 0, "max_replica": 1, "scale_down_delay": 120}},
)
chat = BasetenEnvironmentSettings(
    "production",
    model_id="{MODEL}",
    env_name="production",
    autoscaling_settings={{"min_replica": 1, "max_replica": 3, "concurrency_target": 8}},
    promotion_settings={{"rolling_deploy": True, "rolling_deploy_config": {{"max_surge_percent": 25}}}},
    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(update="1h")),
)
pulumi.export("inForce", chat.in_force)
"""
PROMOTION_SECONDS = 4.0
REPLICAS, TIMEOUT = '"min_replica": 1, "max_replica": 3', 'update="1h"'


@contextmanager
def temporary_project(apply_seconds: float) -> Iterator[tuple[Project, Emulator]]:
    """Start the emulator and write the project; remove both afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="baseten-pulumi-demo-") as folder,
        Emulator(apply_seconds=apply_seconds) as emulator,
    ):
        project = Project(Path(folder), isolated_environment(Path(folder), emulator.url))
        project.write(PROGRAM)
        yield project, emulator


def declare(project: Project, replicas: str, timeout: str = TIMEOUT) -> None:
    """Write other values into the program."""
    project.write(PROGRAM.replace(REPLICAS, replicas).replace(TIMEOUT, timeout))
    also = "" if timeout == TIMEOUT else f"  and  {timeout}"
    print(f"\n  production now has  {replicas}{also}")


def _patches(emulator: Emulator) -> int:
    return sum(request.method == "PATCH" for request in emulator.requests)


def finish_later(emulator: Emulator) -> None:
    """Let the promotion go on to its end."""
    time.sleep(PROMOTION_SECONDS / 2)
    emulator.start_promotion(MODEL, "production", percent=80)
    time.sleep(PROMOTION_SECONDS / 2)
    emulator.finish_promotion(MODEL, "production")


def say(text: str) -> None:
    """Announce a step."""
    print(f"\n━━ {text}", flush=True)


def main() -> None:
    """Run the demo; exit with an error at the first step that does not do what it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--apply-seconds", type=float, default=2.0, help="how long the emulator takes to apply settings"
    )
    seconds: float = parser.parse_args().apply_seconds
    try:
        demonstrate(seconds)
    except StepFailedError as error:
        sys.exit(f"The demo stopped: {error}.")


def demonstrate(seconds: float) -> None:
    """Run every step, each with a heading."""
    with temporary_project(seconds) as (project, emulator):
        print(f"Baseten is an emulator on {emulator.url} that takes {seconds:g} s to apply settings.")
        say("The program: it creates an environment, canary, and sets what two environments run with.")
        print(f"\n{PROGRAM}", end="")
        say("preview shows what would change. It needs neither a key nor a network.")
        project.must("preview")
        say("up creates the environment, sends the settings, and waits: rows show which settings are not applied yet.")
        project.must("up")
        say("A promotion is running, so Baseten queues the next change. The row shows it, and up waits for its end.")
        emulator.start_promotion(MODEL, "production", percent=40)
        declare(project, '"min_replica": 1, "max_replica": 6')
        patches = _patches(emulator)
        with once(lambda: _patches(emulator) > patches, lambda: finish_later(emulator)):
            project.must("up")
        say("A change that is not applied in time is an error that says what was expected and what was observed.")
        emulator.start_promotion(MODEL, "production", percent=40)
        declare(project, '"min_replica": 2, "max_replica": 6', timeout='update="3s"')
        project.must_fail("up")
        say("The promotion has ended. The next up goes on, although the program is the same.")
        emulator.finish_promotion(MODEL, "production")
        project.must("up")
        say("Somebody sets max_replica to 9 by hand. A preview that refreshes finds it, and up changes it back.")
        emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9})
        project.must("preview", "--refresh", "--diff")
        project.must("up", "--refresh")
        say("An invalid value is refused before anything is sent: the error has the property, the rule and the value.")
        declare(project, '"min_replica": 7, "max_replica": 6')
        project.must_fail("preview")
        say("destroy deletes the environment that the program created. Baseten keeps the settings of production.")
        project.must("destroy")
    say("That is all. To run it on your own models, see README.md, “Use it on your own models”.")


if __name__ == "__main__":
    main()
