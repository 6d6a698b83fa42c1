"""The line that describes one environment in the input of a joint wait.

`abc123/production 7d68ec9f {"settings":{"autoscaling_settings":{"max_replica":6}},"status":"ACCEPTED"}`: the id of the
resource, the revision of its last PATCH, and what was sent. The line is not JSON as a whole, because Pulumi shows a
change of a JSON string as a diff of many lines.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baseten_pulumi.schema.settings import Settings, decoded, flatten

LEFT_OUT = "left out of this run"
"""The line of a resource that does not exist yet and that `--exclude` leaves out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One environment of a joint wait.

    Attributes:
        model_id: Baseten's id of the model.
        env_name: Name of the environment.
        revision: Of the request that sent the settings.
        settings: What was sent, by path.
        status: Status of the response; None if it was lost.
    """

    model_id: str
    env_name: str
    revision: str
    settings: Settings
    status: str | None


def format_entry(outputs: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return the line for a resource.

    Args:
        outputs: Its `model_id`, `env_name`, `revision` and `status`.
        settings: Its nested settings.
    """
    sent = {"settings": decoded(settings), "status": outputs["status"]}
    text = json.dumps(sent, sort_keys=True, separators=(",", ":"))
    return f"{outputs['model_id']}/{outputs['env_name']} {outputs['revision']} {text}"


def parse_entry(line: str) -> Entry:
    """Read a line.

    Raises:
        ValueError: it is not one.
    """
    try:
        resource_id, revision, text = line.split(" ", 2)
        model_id, env_name = resource_id.split("/")
        sent = json.loads(text)
        return Entry(model_id, env_name, revision, flatten(sent["settings"]), sent["status"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a line of a joint wait: {line!r}") from error
