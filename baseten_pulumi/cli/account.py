"""Read models and their environments from Baseten.

A command has no stack: the API key comes from BASETEN_API_KEY, the base URL from BASETEN_BASE_URL.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import Model, find_model, is_in_team, of_team, one_line
from baseten_pulumi.api.retry import retry
from baseten_pulumi.cli import SUCCEEDED, fail
from baseten_pulumi.config import DEFAULT_BASE_URL, Config, Endpoint
from baseten_pulumi.errors import (
    ConfigurationError,
    EnvironmentNotFoundError,
    Message,
    MissingApiKeyError,
    ModelNotFoundError,
    RequestError,
)
from baseten_pulumi.schema.environment import Environment

TIMEOUT_SECONDS = 60.0
"""How long each request is retried."""


@dataclass(frozen=True, slots=True)
class ModelEnvironments:
    """A model and its environments.

    Attributes:
        model: The model.
        environments: Those that were asked for, by name, sorted by name.
        error: Why its environments could not be read; None if they were.
    """

    model: Model
    environments: Mapping[str, Environment]
    error: RequestError | None = None

    @property
    def title(self) -> str:
        """The model's name and id: `llama-chat (lm4chat8)`."""
        return printable(f"{self.model.name} ({self.model.id})" if self.model.name else self.model.id)

    @property
    def reason(self) -> str:
        """Why its environments could not be read, on one line; empty if they were."""
        return one_line(self.error.message.observed) if self.error else ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--model`, `--team` and `--env`."""
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        type=_name,
        help="name or id of a model; may be repeated (default: all)",
        metavar="NAME|ID",
    )
    parser.add_argument("--team", type=_name, help="only models of this team", metavar="NAME")
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        type=_name,
        help="an environment; may be repeated (default: all). Models that have none of them are left out",
        metavar="NAME",
    )


def read(names: Sequence[str], team: str | None, env_names: Sequence[str]) -> list[ModelEnvironments]:
    """Read models and their environments, those of all models at the same time.

    Args:
        names: Names or ids of the models; all of them, sorted by name, if there are none.
        team: Name of a team, to read only its models; None for every team.
        env_names: The environments; all of them if there are none. Models that have none of them are left out.

    Returns:
        Each model. Without names, one whose environments cannot be read has the error instead; `report` it.

    Raises:
        ConfigurationError: there is no API key, or the key or the base URL is malformed.
        ModelNotFoundError, AmbiguousModelError, EnvironmentNotFoundError: there is no such model or environment, the
            team has no models, or several models have the name.
        RequestError: a request failed for 60 seconds, or in a way that is not worth retrying, and nothing that was
            asked for was read.
    """
    try:
        endpoint = Config(lambda _: None).endpoint()
    except MissingApiKeyError as error:
        action = "Set BASETEN_API_KEY. Create keys at https://app.baseten.co/settings/api_keys."
        raise error.with_message(observed="BASETEN_API_KEY is not set.", action=action) from None
    except ConfigurationError as error:
        action = f"Correct BASETEN_API_KEY or BASETEN_BASE_URL (by default {DEFAULT_BASE_URL})."
        raise error.with_message(action=action) from None
    found = asyncio.run(_read(endpoint, names, team))
    known = {env_name for it in found for env_name in it.environments}
    missing = [env_name for env_name in env_names if env_name not in known]
    errors = [it.error for it in found if it.error]
    if errors and (missing or not known):
        raise errors[0]
    if missing:
        has = f"{found[0].title} has" if len(found) == 1 else f"The {len(found)} models have"
        observed = f"{has} {', '.join(sorted(map(printable, known))) or 'no environments'}."
        action = "Correct --env, or leave it out to get every environment."
        raise EnvironmentNotFoundError(Message(f'Environment "{missing[0]}" does not exist.', observed, "", action))
    if not env_names:
        return found
    chosen = [{name: one for name, one in it.environments.items() if name in env_names} for it in found]
    return [replace(it, environments=some) for it, some in zip(found, chosen, strict=True) if some or it.error]


def report(found: Sequence[ModelEnvironments]) -> int:
    """Write each error to standard error; return the exit status."""
    return max((fail(str(it.error)) for it in found if it.error), default=SUCCEEDED)


def printable(text: str) -> str:
    """Remove everything that a terminal could interpret, or that would end a line."""
    return "".join(character for character in text if character.isprintable())


def _name(text: str) -> str:
    """Refuse what no model, team or environment can be called; dots would be steps in the path of a URL."""
    if text in ("", ".", "..") or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be a name, got {text!a}")
    return text


async def _read(endpoint: Endpoint, names: Sequence[str], team: str | None) -> list[ModelEnvironments]:
    client = BasetenClient(endpoint)

    async def environments(model: Model) -> ModelEnvironments:
        try:
            found = await retry(lambda left: client.list_environments(model.id, timeout=left), timeout=TIMEOUT_SECONDS)
        except RequestError as error:
            if names:
                raise
            return ModelEnvironments(model, {}, error)
        return ModelEnvironments(model, {name: found[name] for name in sorted(found)})

    try:
        listed = await retry(lambda left: client.list_models(timeout=left), timeout=TIMEOUT_SECONDS)
        return await asyncio.gather(*map(environments, _chosen(listed, names, team)))
    finally:
        await client.close()


def _chosen(models: Sequence[Model], names: Sequence[str], team: str | None) -> list[Model]:
    if names:
        by_id = {it.id: it for it in models if is_in_team(it, team)}
        chosen = {it.id: it for it in (by_id.get(name) or find_model(name, models, team) for name in names)}
        return list(chosen.values())
    found = of_team(models, team)
    if not found:
        action = "Check that the API key belongs to the models' workspace."
        failed = "The models of the account could not be listed."
        raise ModelNotFoundError(Message(failed, "This API key can see none.", "", action))
    return found
