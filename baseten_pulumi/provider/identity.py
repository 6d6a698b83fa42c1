"""The resource id: `model_id/env_name`."""

import re
from dataclasses import dataclass

from baseten_pulumi.errors import ConfigurationError, Statements
from baseten_pulumi.fields import ENVIRONMENT_NAME_PATTERN, MODEL_ID_PATTERN

_ID = re.compile(f"({MODEL_ID_PATTERN})/({ENVIRONMENT_NAME_PATTERN})")


@dataclass(frozen=True, slots=True)
class Identity:
    """Name one environment of one model."""

    model_id: str
    env_name: str

    def __str__(self) -> str:
        return f"{self.model_id}/{self.env_name}"

    @property
    def settings(self) -> str:
        """How errors name what a resource manages."""
        return f'Settings of environment "{self.env_name}" of model "{self.model_id}"'

    @classmethod
    def parse(cls, resource_id: str) -> "Identity":
        """Read a resource id.

        Raises:
            ConfigurationError: it does not have the form `model_id/env_name`.
        """
        match = _ID.fullmatch(resource_id)
        if match is None:
            raise ConfigurationError(
                Statements(
                    goal="The environment could not be looked up.",
                    seen=f'The id "{resource_id}" does not have the form model_id/env_name.',
                    now="Nothing was sent.",
                    advice='Write it like "abc123/production".',
                )
            )
        return cls(match[1], match[2])
