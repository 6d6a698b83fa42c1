"""A dynamic resource that does nothing: what is left is the engine's own time.

As little as can be, so that the comparison is the hardest: pickled by name alone, and no secret to encrypt.
"""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class DoNothingProvider(ResourceProvider):
    """Create at once."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return the inputs as outputs."""
        return CreateResult(f"{props['model_id']}/{props['env_name']}", props)


class DoNothing(Resource, module="bench", name="DoNothing"):
    """Takes the place of settings."""

    def __init__(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(DoNothingProvider(), name, dict(inputs), opts)
