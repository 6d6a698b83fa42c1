"""Take an environment of a real account through its whole life; `make live` runs this.

It creates an environment with a name that nobody has, declares settings and an autoscaling schedule for it, changes
them, changes them by hand, and deletes everything. It answers what only an account can: whether reads flap, whether the
serving deployment lags behind, what a conflict and an empty request are answered with.
"""

import argparse
import contextlib
import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from tests.isolation import pulumi_variables
from tests.projects import Project, StepFailedError

SECONDS = 300.0
"""How long each wait of the program may take."""
_POLL_SECONDS = 0.5
_DELETE_ATTEMPTS = 5
_DECLARED, _BY_HAND = 2, 3
_PROGRAM = """
import pulumi
from baseten_pulumi import BasetenAutoscalingSchedule, BasetenEnvironment, BasetenEnvironmentSettings

limit = pulumi.CustomTimeouts(create="{seconds:.0f}s", update="{seconds:.0f}s", delete="{seconds:.0f}s")
environment = BasetenEnvironment(
    "live",
    model_id="{model_id}",
    env_name="{env_name}",
    opts=pulumi.ResourceOptions(protect=False, custom_timeouts=limit),
)
settings = BasetenEnvironmentSettings(
    "live",
    model_id=environment.model_id,
    env_name=environment.env_name,
    autoscaling_settings={{"min_replica": 0, "max_replica": {replicas}, "scale_down_delay": 120}},
    opts=pulumi.ResourceOptions(custom_timeouts=limit),
)
BasetenAutoscalingSchedule(
    "live",
    model_id=environment.model_id,
    env_name=environment.env_name,
    schedule_name="live",
    timezone="UTC",
    cadence="DAILY",
    enabled=False,
    weekdays=["SUNDAY"],
    start_hour=3,
    end_hour=4,
    autoscaling_settings={{"min_replica": 0, "max_replica": 1}},
    opts=pulumi.ResourceOptions(custom_timeouts=limit),
)
"""


@dataclass
class Account:
    """Baseten, seen without this package.

    Attributes:
        client: Sends requests, with the key.
        model_id: The model.
        env_name: The environment that is created and deleted.
        observed: Each read of the environment: when, and what it returned; None if it was not there.
    """

    client: httpx.Client
    model_id: str
    env_name: str
    observed: list[tuple[float, dict[str, Any] | None]] = field(default_factory=list)

    @property
    def environments(self) -> str:
        """The path of the model's environments."""
        return f"/v1/models/{self.model_id}/environments"

    @property
    def path(self) -> str:
        """The path of the environment."""
        return f"{self.environments}/{self.env_name}"

    def names(self) -> list[str]:
        """Return the names of the model's environments."""
        response = self.client.get(self.environments).raise_for_status()
        return [environment["name"] for environment in response.json()["environments"]]

    def answer(self, method: str, path: str, body: Any) -> str:
        """Send a request; return status and body of the response on one line."""
        response = self.client.request(method, path, json=body)
        return f"{response.status_code} {' '.join(response.text.split())[:300]}"

    def max_replica(self) -> Any:
        """Return the setting as Baseten reports it."""
        return self.client.get(self.path).raise_for_status().json()["autoscaling_settings"]["max_replica"]

    def change_by_hand(self, max_replica: int) -> None:
        """Set `max_replica`, and return once Baseten reports it.

        Raises:
            StepFailedError: Baseten does not within `SECONDS`.
        """
        settings = {"autoscaling_settings": {"max_replica": max_replica}}
        self.client.patch(self.path, json=settings).raise_for_status()
        deadline = time.monotonic() + SECONDS
        while (now := self.max_replica()) != max_replica:
            if time.monotonic() > deadline:
                raise StepFailedError(f"max_replica is {now}, not {max_replica}, {SECONDS:g} s after it was changed")
            time.sleep(_POLL_SECONDS)

    def delete(self) -> bool:
        """Delete the environment, whether it is there or not; return whether it is gone then."""
        for attempt in range(_DELETE_ATTEMPTS):
            time.sleep(attempt * _POLL_SECONDS)
            with contextlib.suppress(httpx.HTTPError):
                response = self.client.delete(self.path)
                if response.is_success or response.status_code == httpx.codes.NOT_FOUND:
                    return True
        return False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Read the environment twice a second meanwhile."""
        ended = threading.Event()

        def read() -> None:
            while not ended.wait(_POLL_SECONDS):
                with contextlib.suppress(httpx.HTTPError, ValueError):  # a body may be no JSON
                    response = self.client.get(self.path)
                    self.observed.append((time.monotonic(), response.json() if response.is_success else None))

        watching = threading.Thread(target=read)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()

    def flaps(self) -> int:
        """Count how often a value came back that another one had replaced."""
        values = [it["autoscaling_settings"].get("max_replica") if it else None for _, it in self.observed]
        changes = [after for before, after in pairwise(values) if before != after]
        return len(changes) - len(set(changes))

    def lag(self) -> str:
        """Say how long the serving deployment had other settings than the environment."""
        served = [(at, it, _serving(it)) for at, it in self.observed if it and _serving(it) is not None]
        if not served:
            return "not answered: no deployment serves in a new environment (PROMOTE=1 promotes production's)"
        late = [at for at, it, serving in served if serving != it["autoscaling_settings"].get("max_replica")]
        return f"{len(late)} of {len(served)} reads differed, over {late[-1] - late[0]:.1f} s" if late else "never"


def _serving(environment: dict[str, Any]) -> Any:
    state = (environment.get("autoscaling_schedules") or {}).get("applied_state") or {}
    found = state.get("autoscaling_settings") or (environment.get("current_deployment") or {}).get(
        "autoscaling_settings"
    )
    return (found or {}).get("max_replica")


def declare(project: Project, account: Account, replicas: int) -> None:
    """Write the program."""
    names = {"model_id": account.model_id, "env_name": account.env_name}
    project.write(_PROGRAM.format(**names, replicas=replicas, seconds=SECONDS))


def main() -> int:
    """Ask, run every step, and clean up; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    parser.add_argument("--promote", action="store_true", help="promote the production deployment, which starts it")
    is_promoted: bool = parser.parse_args().promote
    key, model_id = os.environ.get("BASETEN_API_KEY"), os.environ.get("MODEL_ID")
    if not key or not model_id:
        print("Set BASETEN_API_KEY and MODEL_ID.", file=sys.stderr)
        return 2
    url = os.environ.get("BASETEN_BASE_URL", "https://api.baseten.co")
    headers = {"Authorization": f"Api-Key {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30.0) as client:
        account = Account(client, model_id, f"pulumi-live-{secrets.token_hex(3)}")
        try:
            names = account.names()
        except httpx.HTTPError as error:
            print(f"Model {model_id} cannot be read: {error}\nSet MODEL_ID to its id.", file=sys.stderr)
            return 1
        print(f"Model {model_id} at {url} has the environments {', '.join(names)}.")
        print(f'This creates environment "{account.env_name}", changes its settings, and deletes it; nothing else.')
        if is_promoted:
            print("It promotes the production deployment to it, which may start a replica and cost money.")
        print("Go on? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("\nNothing was changed.")
            return 1
        found: dict[str, str] = {}
        try:
            with tempfile.TemporaryDirectory(prefix="baseten-pulumi-live-") as folder:
                project = Project(Path(folder), {**os.environ, **pulumi_variables(Path(folder))})
                found = _live(account, project, is_promoted=is_promoted)
        except (StepFailedError, httpx.HTTPError) as error:
            print(f"It stopped: {error}.", file=sys.stderr)
        finally:
            is_deleted = account.delete()
            if not is_deleted:
                print(f'Delete environment "{account.env_name}" of model {model_id} by hand.', file=sys.stderr)
    if not (found and is_deleted):
        return 1
    print("\nFound:", *(f"  {question}: {answer}" for question, answer in found.items()), sep="\n")
    return 0


def _live(account: Account, project: Project, *, is_promoted: bool) -> dict[str, str]:
    """Run every step; return what was found."""
    declare(project, account, replicas=1)
    with account.watched():
        project.must("up")
        project.must("preview", "--expect-no-changes")
        if is_promoted:
            current = account.client.get(f"/v1/models/{account.model_id}/deployments/production").raise_for_status()
            account.client.post(
                f"{account.path}/promote", json={"deployment_id": current.json()["id"]}
            ).raise_for_status()
        declare(project, account, replicas=_DECLARED)
        project.must("up")
        time.sleep(10 * _POLL_SECONDS)  # what flaps may do so later
    flaps, lag = account.flaps(), account.lag()
    print("\nmax_replica is changed by hand; a refresh finds it, and up changes it back.")
    account.change_by_hand(_BY_HAND)
    project.must_fail("preview", "--refresh", "--expect-no-changes")
    project.must("refresh")
    project.must("up")
    if (now := account.max_replica()) != _DECLARED:
        raise StepFailedError(f"max_replica is {now}, not {_DECLARED}, after up")
    found = {
        "reads that brought back a former value": f"{flaps} of {len(account.observed)}",
        "reads in which the serving deployment was behind": lag,
        "a second POST of the environment is answered": account.answer(
            "POST", account.environments, {"name": account.env_name}
        ),
        "a PATCH without settings is answered": account.answer("PATCH", account.path, {}),
        "an environment as it is read": json.dumps(account.client.get(account.path).json())[:2000],
    }
    project.must("destroy")
    found["the environment after destroy"] = "listed" if account.env_name in account.names() else "gone"
    return found


if __name__ == "__main__":
    sys.exit(main())
