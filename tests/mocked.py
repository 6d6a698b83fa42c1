"""Run programs against Pulumi's own mocks: no process, no state, only what is registered."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import wait_for_rpcs


class Mocks(pulumi.runtime.Mocks):
    """Record what is registered, and return outputs."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        self.registered: list[pulumi.runtime.MockResourceArgs] = []
        self._outputs = outputs

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Return the inputs as outputs, with the outputs that every resource has."""
        self.registered.append(args)
        return args.resource_id or "abc123/production", {**args.inputs, **self._outputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        return {}, None

    def inputs(self, name: str) -> dict[str, Any]:
        """Return the inputs of a registered resource without nulls and the host's own entry."""
        (found,) = (args.inputs for args in self.registered if args.name == name)
        return {key: value for key, value in found.items() if value is not None and key != "__provider"}


OUTPUTS = {"status": "ACCEPTED", "in_force": True, "revision": "1f"}
"""The outputs of every resource besides its inputs, unless a test gives others."""


def run(
    program: Callable[[], Any],
    *,
    preview: bool = False,
    stack: str = "dev",
    outputs: Mapping[str, Any] = OUTPUTS,
) -> tuple[Any, Mocks]:
    """Run a program to its end, as Pulumi does; return the value of its output and what it registered."""

    async def go() -> Any:
        SETTINGS.outputs.clear()  # of earlier programs
        try:
            output = program()
            return await output.future() if isinstance(output, pulumi.Output) else output
        finally:
            await _to_the_end()

    mocks = Mocks(outputs)
    loop, threads_loop = asyncio.new_event_loop(), asyncio.new_event_loop()
    # Pulumi's mocks create an event loop for each thread that has none, and close none.
    threads = ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(threads_loop,))
    loop.set_default_executor(threads)
    asyncio.set_event_loop(loop)
    try:
        pulumi.runtime.set_mocks(mocks, project="p", stack=stack, preview=preview)
        return loop.run_until_complete(go()), mocks
    finally:
        threads.shutdown()
        threads_loop.close()
        loop.close()
        asyncio.set_event_loop(None)


async def _to_the_end() -> None:
    """Wait as Pulumi does; after an error wait for other tasks too, whose errors would show up in another test."""
    try:
        await wait_for_rpcs()
    except BaseException:
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
        raise
