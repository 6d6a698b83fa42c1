"""The rows and errors on the page about waiting are word for word what the package prints."""

from typing import Any

from baseten_pulumi.api import failures
from baseten_pulumi.api.failures import Request, Response
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.wait.desired import DesiredSettings
from tests.docs.messages import DESIRED, MAX_REPLICA, MIN_REPLICA, OBSERVED, rows, waited
from tests.docs.pages import COMPARED, FOLDER, blocks

_DELAY = "autoscaling_settings.scale_down_delay"


def _promoting(percent: int, status: str = "RAMPING_UP") -> Promotion:
    return Promotion(status=status, percent_traffic_to_new_version=percent)


def _rows_until_applied() -> list[str]:
    """Return the rows of a change that queues behind a promotion."""
    request = Request("GET", "/v1/models/abc123/environments/production", "It failed.", "https://api.baseten.co")
    before = {MIN_REPLICA: 1, MAX_REPLICA: 4, _DELAY: 900}
    after: dict[str, Any] = {MIN_REPLICA: 3, MAX_REPLICA: 6, _DELAY: 300}
    polls = (
        Environment(before, _promoting(40)),
        Environment(before, _promoting(80)),
        failures.from_response(request, Response(429, {"retry-after": "5"}, b"")),
        Environment({**before, _DELAY: 300}, _promoting(100, "SUCCEEDED")),
        Environment(after, _promoting(100, "SUCCEEDED")),
    )
    return rows([DesiredSettings("abc123", "production", after, "QUEUED")], *({"production": it} for it in polls))


def _row_of_joint_wait() -> str:
    """Return the row of three environments when one of them is applied: confirmed, too."""
    desired = [
        DesiredSettings("abc123", env_name, {MAX_REPLICA: most}, "ACCEPTED", f"chat-{env_name}")
        for env_name, most in {"dev": 1, "staging": 2, "production": 6}.items()
    ]
    observed = {"dev": 1, "staging": 1, "production": 4}
    first, last = rows(desired, {name: Environment({MAX_REPLICA: most}, None) for name, most in observed.items()})
    assert first.startswith("3 of 3 left: ")
    return last


def test_rows_and_errors_are_the_packages_own_when_shown() -> None:
    """Everything the page shows of a wait, in its order."""
    queued = DesiredSettings("abc123", "production", {MIN_REPLICA: 3, MAX_REPLICA: 6}, "QUEUED")
    promoted = {"production": Environment({MIN_REPLICA: 1, MAX_REPLICA: 6}, _promoting(40))}
    expected = [
        "\n".join(_rows_until_applied()),
        _row_of_joint_wait(),
        str(waited([DESIRED], {"production": OBSERVED})),
        str(waited([queued], promoted, cancel_after=40.0)),
    ]
    shown = [block.text.rstrip("\n") for block in blocks(FOLDER / "waiting.md") if block.remark == COMPARED]
    assert shown == expected
