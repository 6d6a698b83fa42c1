"""What a program reads from Baseten without managing it: models by name, environments with their settings.

Each function comes in two forms, as in Pulumi's own packages. The plain one takes values, asks at once and returns what
it found. The one ending in `_output` takes outputs as well, holds nothing up and returns an output.

All of them read what Baseten reports at that moment, in previews too: settings that the same program changes are read
before or after the change, as it happens. To read them after it, give the `_output` form an output of the resource
(`env_name=settings.env_name`). Equal reads of one program share one request, apart from those that wait for a resource
and those on threads that have no copy of the program's context; the next program asks again.

Without an API key the plain forms raise `MissingApiKeyError`. In a preview the others are then unknown, with one
warning a program. Every error is one of `baseten_pulumi.errors`, shown by Pulumi as its message alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pulumi

from baseten_pulumi.program import found
from baseten_pulumi.program.asking import Question, asked, asked_later
from baseten_pulumi.program.found import Environment, Model
from baseten_pulumi.program.raising import shown_without_a_traceback

__all__ = [
    "Environment",
    "Model",
    "find_model",
    "find_model_output",
    "get_environment",
    "get_environment_output",
    "list_environments",
    "list_environments_output",
]

TIMEOUT_SECONDS = 120.0
"""How long one read tries."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _Read(Generic[_Found]):
    """What to ask, and what a program sees of the answer."""

    question: Question
    found: Callable[[Any], _Found]


def get_environment(*, model_id: str, env_name: str) -> Environment:
    """Read an environment.

    Args:
        model_id: Baseten's id of the model.
        env_name: Name of the environment, such as "production".

    Raises:
        ConfigurationError: there is no API key, or an argument is malformed.
        ModelNotFoundError, EnvironmentNotFoundError: there is no such environment.
        RequestError: Baseten could not be asked.
    """
    return _now(_environment, {"model_id": model_id, "env_name": env_name})


def get_environment_output(*, model_id: pulumi.Input[str], env_name: pulumi.Input[str]) -> pulumi.Output[Environment]:
    """Read an environment, once its model and name are known; else as `get_environment`."""
    return _later(_environment, {"model_id": model_id, "env_name": env_name})


def list_environments(*, model_id: str) -> Sequence[Environment]:
    """Read every environment of a model, sorted by name; none where the model has none.

    Args:
        model_id: Baseten's id of the model.

    Raises:
        ConfigurationError: there is no API key, or the argument is malformed.
        ModelNotFoundError: there is no such model.
        RequestError: Baseten could not be asked.
    """
    return _now(_environments, {"model_id": model_id})


def list_environments_output(*, model_id: pulumi.Input[str]) -> pulumi.Output[Sequence[Environment]]:
    """Read every environment of a model, once it is known; else as `list_environments`."""
    return _later(_environments, {"model_id": model_id})


def find_model(*, name: str) -> Model:
    """Find the model of a name.

    Args:
        name: The whole name, as Baseten shows it.

    Raises:
        ConfigurationError: there is no API key, or the name is none.
        ModelNotFoundError: no model has the name; near names are offered.
        AmbiguousModelError: several models have it; their ids are listed.
        RequestError: Baseten could not be asked.
    """
    return _now(_model, {"name": name})


def find_model_output(*, name: pulumi.Input[str]) -> pulumi.Output[Model]:
    """Find the model of a name, once that is known; else as `find_model`."""
    return _later(_model, {"name": name})


def _environment(model_id: Any, env_name: Any) -> _Read[Environment]:
    _refuse_misnamed(f'Environment "{env_name}" of model "{model_id}"', {"model_id": model_id, "env_name": env_name})
    question = Question(
        ("environment", model_id, env_name),
        lambda client: client.read_environment_now(model_id, env_name, within_seconds=TIMEOUT_SECONDS),
    )
    return _Read(question, lambda reported: found.environment(model_id, env_name, reported))


def _environments(model_id: Any) -> _Read[Sequence[Environment]]:
    _refuse_misnamed(f'Environments of model "{model_id}"', {"model_id": model_id})
    question = Question(
        ("environments", model_id),
        lambda client: client.read_environments_now(model_id, within_seconds=TIMEOUT_SECONDS),
    )
    return _Read(question, lambda reported: [found.environment(model_id, it, reported[it]) for it in sorted(reported)])


def _model(name: Any) -> _Read[Model]:
    from baseten_pulumi.api.naming import named

    _refuse_nameless(name)
    question = Question("models", lambda client: client.read_models_now(within_seconds=TIMEOUT_SECONDS))
    return _Read(question, lambda models: found.model(named(name, models)))


def _now(read_of: Callable[..., _Read[_Found]], arguments: Mapping[str, Any]) -> _Found:
    with shown_without_a_traceback():
        _refuse_outputs(arguments)
        read = read_of(**arguments)
        return read.found(asked(read.question).result())


def _later(read_of: Callable[..., _Read[_Found]], arguments: Mapping[str, Any]) -> pulumi.Output[_Found]:
    known = pulumi.Output.all(**arguments)

    async def answered(values: dict[str, Any]) -> Any:
        with shown_without_a_traceback():
            read = read_of(**values)
            answer = await asked_later(read.question, known)
            return answer if isinstance(answer, pulumi.output.Unknown) else read.found(answer)

    return known.apply(answered)


def _refuse_outputs(arguments: Mapping[str, Any]) -> None:
    from baseten_pulumi.errors import ConfigurationError, Statements

    outputs = [name for name, value in arguments.items() if isinstance(value, pulumi.Output)]
    if outputs:
        seen = f"{outputs[0]} is an Output, whose value is not known yet."
        advice = "Use the function of that name ending in _output, which takes outputs."
        raise ConfigurationError(Statements("Baseten could not be asked.", seen, "Nothing was sent.", advice))


def _refuse_nameless(name: Any) -> None:
    from baseten_pulumi.errors import ConfigurationError, Statements
    from baseten_pulumi.provider.judging import shown

    if not isinstance(name, str) or not name:
        seen = f"name must be a text that is not empty, got {shown(name)}."
        advice = "Correct it in the program."
        raise ConfigurationError(Statements("A model could not be looked up.", seen, "Nothing was sent.", advice))


def _refuse_misnamed(what: str, names: Mapping[str, Any]) -> None:
    from baseten_pulumi.errors import ConfigurationError, Statements
    from baseten_pulumi.provider.checking import misnamed

    failures = "; ".join(f"{failure.path} {failure.reason}" for failure in misnamed(names))
    if failures:
        raise ConfigurationError(
            Statements(f"{what} could not be read.", f"{failures}.", "Nothing was sent.", "Correct it in the program.")
        )
