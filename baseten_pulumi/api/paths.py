"""The paths of Baseten's API. A name keeps to its own segment, whatever it holds."""

from urllib.parse import quote

from baseten_pulumi.errors import ConfigurationError, Statements

MODELS = "/v1/models"
# Servers and HTTP libraries alike take these for steps up and down the path, and nothing can be written in their place.
_NO_NAMES = frozenset({"", ".", ".."})


def environments(model_id: str) -> str:
    """Return the path of a model's environments.

    Raises:
        ConfigurationError: the id cannot stand in a path.
    """
    return f"{MODELS}/{_segment(model_id)}/environments"


def environment(model_id: str, env_name: str) -> str:
    """Return the path of one environment.

    Raises:
        ConfigurationError: a name cannot stand in a path.
    """
    return f"{environments(model_id)}/{_segment(env_name)}"


def _segment(name: str) -> str:
    try:
        written = quote(name, safe="")
    except UnicodeEncodeError:  # half a character
        written = ""
    if written in _NO_NAMES:
        raise ConfigurationError(
            Statements(
                goal="Baseten could not be asked.",
                seen=f"{name!a} cannot be the id of a model or the name of an environment.",
                now="Nothing was sent.",
                advice="Correct model_id and env_name.",
            )
        )
    return written
