"""Read a model and its environments from Baseten.

A command has no stack: the API key comes from BASETEN_API_KEY, the base URL from BASETEN_BASE_URL.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import Model, find_model
from baseten_pulumi.api.retry import retry
from baseten_pulumi.config import DEFAULT_BASE_URL, Config, Endpoint
from baseten_pulumi.errors import ConfigurationError, EnvironmentNotFoundError, MissingApiKeyError
from baseten_pulumi.schema.environment import Environment

TIMEOUT_SECONDS = 60.0
"""How long each request is retried."""


@dataclass(frozen=True, slots=True)
class ModelEnvironments:
    """A model and its environments.

    Attributes:
        model: The model.
        environments: Those that were asked for, by name, sorted by name.
    """

    model: Model
    environments: Mapping[str, Environment]

    @property
    def title(self) -> str:
        """The model's name and id: `llama-chat (lm4chat8)`."""
        return printable(f"{self.model.name} ({self.model.id})" if self.model.name else self.model.id)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--model` and `--env`."""
    parser.add_argument("--model", required=True, type=_name, help="the model's name or id", metavar="NAME|ID")
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        type=_name,
        help="one environment; may be repeated (default: all)",
        metavar="NAME",
    )


def read(model: str, env_names: Sequence[str] = ()) -> ModelEnvironments:
    """Read a model, by its id or name, and its environments; all of them if none is named.

    Raises:
        ConfigurationError: there is no API key, or the key or the base URL is malformed.
        ModelNotFoundError, AmbiguousModelError, EnvironmentNotFoundError: there is no such model or environment, or
            several models have the name.
        RequestError: a request failed for 60 seconds, or in a way that is not worth retrying.
    """
    try:
        endpoint = Config(lambda _: None).endpoint()
    except MissingApiKeyError as error:
        action = "Set BASETEN_API_KEY. Create keys at https://app.baseten.co/settings/api_keys."
        raise error.with_message(observed="BASETEN_API_KEY is not set.", action=action) from None
    except ConfigurationError as error:
        action = f"Correct BASETEN_API_KEY or BASETEN_BASE_URL (by default {DEFAULT_BASE_URL})."
        raise error.with_message(action=action) from None
    return asyncio.run(_read(endpoint, model, env_names))


def printable(text: str) -> str:
    """Remove everything that a terminal could interpret, or that would end a line."""
    return "".join(character for character in text if character.isprintable())


def _name(text: str) -> str:
    """Refuse what no model or environment can be called; dots would be steps in the path of a URL."""
    if text in ("", ".", "..") or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be a name, got {text!a}")
    return text


async def _read(endpoint: Endpoint, name: str, env_names: Sequence[str]) -> ModelEnvironments:
    client = BasetenClient(endpoint)
    try:
        models = await retry(lambda left: client.list_models(timeout=left), timeout=TIMEOUT_SECONDS)
        model = next((it for it in models if it.id == name), None) or find_model(name, models)
        found = await retry(lambda left: client.list_environments(model.id, timeout=left), timeout=TIMEOUT_SECONDS)
        for missing in set(env_names) - found.keys():  # the error of reading it names the environments that exist
            found[missing] = await retry(
                lambda left, env_name=missing: client.read_environment(model.id, env_name, timeout=left),  # type: ignore[misc] # mypy cannot infer a lambda's default
                timeout=TIMEOUT_SECONDS,
            )
    except EnvironmentNotFoundError as error:
        raise error.with_message(action="Correct --env, or leave it out to get every environment.") from None
    finally:
        await client.close()
    return ModelEnvironments(model, {name: found[name] for name in sorted(set(env_names) or found)})
