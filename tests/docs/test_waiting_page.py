"""The rows and errors on the page about waiting are word for word what the package prints."""

import asyncio
from collections.abc import Mapping

from baseten_pulumi.api import failures
from baseten_pulumi.api.failures import Request, Response
from baseten_pulumi.errors import RequestError
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.wait.desired import DesiredSettings
from baseten_pulumi.wait.watcher import Watcher
from tests.docs.messages import DESIRED, MAX_REPLICA, MIN_REPLICA, OBSERVED, waited
from tests.docs.pages import COMPARED, FOLDER, blocks
from tests.virtual_time import run

_DELAY = "autoscaling_settings.scale_down_delay"
# A row changes once a second at most: with slower responses each of them is shown.
_LATENCY_SECONDS = 2.0
_GET = Request("GET", "/v1/models/abc123/environments/production", "It failed.", "https://api.baseten.co")


class _Polls:
    """Baseten as a wait for one environment sees it, poll by poll; the last response is repeated."""

    def __init__(self, *responses: Environment | RequestError) -> None:
        self._responses = list(responses)

    async def read_environment(self, model_id: str, env_name: str, *, timeout: float) -> Environment:
        await asyncio.sleep(_LATENCY_SECONDS)
        response = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        if isinstance(response, RequestError):
            raise response
        return response

    async def list_environments(self, model_id: str, *, timeout: float) -> Mapping[str, Environment]:
        raise AssertionError("one environment is read by itself")


def _promoting(percent: int, status: str = "RAMPING_UP") -> Promotion:
    return Promotion(status=status, percent_traffic_to_new_version=percent)


def _rows_until_applied() -> list[str]:
    """Return the rows of a change that queues behind a promotion."""
    limited = failures.from_response(_GET, Response(429, {"retry-after": "5"}, b""))
    desired = DesiredSettings("abc123", "production", {MIN_REPLICA: 3, MAX_REPLICA: 6, _DELAY: 300}, "QUEUED")
    before = {MIN_REPLICA: 1, MAX_REPLICA: 4, _DELAY: 900}
    polls = _Polls(
        Environment(before, _promoting(40)),
        Environment(before, _promoting(80)),
        limited,
        Environment({**before, _DELAY: 300}, _promoting(100, "SUCCEEDED")),
        Environment({MIN_REPLICA: 3, MAX_REPLICA: 6, _DELAY: 300}, _promoting(100, "SUCCEEDED")),
    )
    rows: list[str] = []
    run(Watcher(polls).wait([desired], timeout=1800.0, report=rows.append))
    return rows


def _row_of_joint_wait() -> list[str]:
    """Return the row of three environments, of which one is applied."""
    three = {"chat-dev": 1, "chat-staging": 2, "chat-production": 6}
    desired = [
        DesiredSettings("abc123", name.partition("-")[2], {MAX_REPLICA: most}, "ACCEPTED", name)
        for name, most in three.items()
    ]
    observed = {
        "dev": Environment({MAX_REPLICA: 1}, None),
        "staging": Environment({MAX_REPLICA: 1}, None),
        "production": Environment({MAX_REPLICA: 4}, None),
    }
    rows: list[str] = []
    waited(desired, observed, timeout=60.0, rows=rows)
    return rows


def test_rows_and_errors_are_the_packages_own_when_shown() -> None:
    """Everything the page shows of a wait, in its order."""
    queued = DesiredSettings("abc123", "production", {MIN_REPLICA: 3, MAX_REPLICA: 6}, "QUEUED")
    promoted = {"production": Environment({MIN_REPLICA: 1, MAX_REPLICA: 6}, _promoting(40))}
    expected = [
        "\n".join(_rows_until_applied()),
        "\n".join(_row_of_joint_wait()),
        str(waited([DESIRED], {"production": OBSERVED})),
        str(waited([queued], promoted, cancel_after=40.0)),
    ]
    shown = [block.text.rstrip("\n") for block in blocks(FOLDER / "waiting.md") if block.remark == COMPARED]
    assert shown == expected
