from typing import Any

import pytest

from baseten_pulumi.testing import AppliedChange, RecordedRequest
from bench.observing import Observation, Waiting, lags, observe

LIST = "/v1/models/m1/environments"
DEV, PRODUCTION = f"{LIST}/dev", f"{LIST}/production"
CHANGED = AppliedChange("m1", "dev", 3.0)


def request(method: str, path: str, answered_at_seconds: float, status: int | None = 200) -> RecordedRequest:
    unread: dict[str, Any] = {"query": {}, "headers": {}, "body": None, "outcome": None}
    return RecordedRequest(
        method=method, path=path, status=status, at_seconds=0.0, answered_at_seconds=answered_at_seconds, **unread
    )


@pytest.mark.parametrize(
    ("requests", "applied", "expected"),
    [
        pytest.param(
            [request("GET", path, at) for path, at in [(DEV, 2.9), (LIST, 3.25), (DEV, 3.5), (LIST, 4.0)]],
            [CHANGED],
            [0.25],
            id="until the first answer that shows it",
        ),
        pytest.param(
            [request("GET", LIST, 4.0)],
            [CHANGED, AppliedChange("m1", "production", 3.5)],
            [1.0, 0.5],
            id="a list shows every environment of its model",
        ),
        pytest.param([request("GET", PRODUCTION, 5.0)], [CHANGED], [], id="another environment"),
        pytest.param([request("GET", "/v1/models/m2/environments", 5.0)], [CHANGED], [], id="another model"),
        pytest.param([request("PATCH", DEV, 5.0)], [CHANGED], [], id="another method"),
        pytest.param([request("GET", DEV, 5.0, status=429)], [CHANGED], [], id="a refusal"),
        pytest.param([request("GET", DEV, 5.0, status=None)], [CHANGED], [], id="a dropped connection"),
    ],
)
def test_lag_runs_from_a_change_when_an_answer_shows_it(
    requests: list[RecordedRequest], applied: list[AppliedChange], expected: list[float]
) -> None:
    assert lags(requests, applied) == expected


@pytest.mark.parametrize(("waiting", "expected"), [("each", 2.5), ("model", 1.5), ("fleet", 0.0)])
def test_joint_wait_is_not_late_when_something_was_still_to_be_sent(waiting: Waiting, expected: float) -> None:
    """It begins once everything waited for was sent; what is applied by then is late from then on."""
    sent = [("m1/environments/dev", 0.0), ("m1/environments/production", 4.0), ("m2/environments/dev", 5.75)]
    requests = [request("PATCH", f"/v1/models/{path}", at) for path, at in sent]
    assert lags([*requests, request("GET", LIST, 5.5)], [CHANGED], waiting) == [expected]


def test_requests_are_summed_up_when_a_run_is_over() -> None:
    """Refused requests are requests too."""
    requests = [request("PATCH", DEV, 0.0), request("PATCH", DEV, 0.1, status=429), request("GET", LIST, 4.0)]
    applied = [AppliedChange("m1", name, at) for name, at in [("dev", 3.0), ("staging", 3.25), ("production", 3.9)]]
    assert observe(requests, applied) == Observation(2, 1, 1, 0.75, 1.0)
    assert observe([], applied) == Observation(0, 0, 0, None, None)
