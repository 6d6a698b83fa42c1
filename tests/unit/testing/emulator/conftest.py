import asyncio
from typing import Any

import httpx
import pytest

from baseten_pulumi.testing import Emulator, FictionalEnvironment, FictionalModel

ENVIRONMENT = "/v1/models/m1/environments/production"


class Served:
    """An emulator without a server, on a clock that the test moves, and its client.

    Settings take 10 s to apply, and 5 s more until the deployment has them.
    """

    def __init__(self, **options: Any) -> None:
        self.seconds = 1000.0
        environments = (FictionalEnvironment("staging"), FictionalEnvironment("production", {"max_replica": 3}))
        account = [FictionalModel("m1", "chat", environments)]
        given = {"apply_seconds": 10, "deployment_seconds": 5, "account": account, **options}
        self.emulator = Emulator(**given, clock=lambda: self.seconds)
        self._app = self.emulator.application(lambda _: None)

    def send(self, method: str, path: str = ENVIRONMENT, **request: Any) -> httpx.Response:
        """Send a request with a key."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            headers = {"Authorization": "Api-Key k1"}
            async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as client:
                return await client.request(method, path, **request)

        return asyncio.run(send())

    def update(self, **settings: Any) -> str:
        """PATCH settings of production; return the status of the update, or why it was rejected."""
        body = self.send("PATCH", json=settings).json()
        return str(body.get("status", body["message"]))

    def replicas(self, maximum: int, minimum: int = 0) -> str:
        """PATCH numbers of replicas; return the status of the update, or why it was rejected."""
        return self.update(autoscaling_settings={"min_replica": minimum, "max_replica": maximum})

    def read(self, path: str = ENVIRONMENT) -> Any:
        """GET what a path reports."""
        return self.send("GET", path).json()

    @property
    def max_replica(self) -> Any:
        """The highest number of replicas of production, as GET reports it."""
        return self.read()["autoscaling_settings"]["max_replica"]


@pytest.fixture
def served() -> Served:
    return Served()
