"""What commands ask Baseten: a model, and its environments.

A command has no stack: the key comes from BASETEN_API_KEY and the address from BASETEN_BASE_URL, and from nowhere else.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

from baseten_pulumi.api import paths
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import Environment, Model
from baseten_pulumi.api.naming import meant
from baseten_pulumi.errors import ConfigurationError, EnvironmentNotFoundError, MissingApiKeyError, Statements
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.session import open_session

TIMEOUT_SECONDS = 60.0
"""How long each of the requests is tried."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Hold a model and its environments.

    Attributes:
        model: The model.
        environments: Those asked for, by name, sorted.
    """

    model: Model
    environments: dict[str, Environment]

    @property
    def title(self) -> str:
        """How a person knows the model: its name and id."""
        return one_line(f"{self.model.name} ({self.model.id})" if self.model.name else self.model.id)


def one_line(words: str) -> str:
    """Leave out of words of Baseten's what a terminal would obey, or what would end a line of a file."""
    return "".join(it for it in words if it.isprintable())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that surveys a model."""
    parser.add_argument("--model", required=True, type=_name, help="the model's name or id", metavar="NAME|ID")
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        type=_name,
        help="one environment; may be repeated (default: all)",
        metavar="NAME",
    )


def survey(model: str, env_names: Sequence[str] = ()) -> Survey:
    """Ask for a model, by its id or its name, and its environments; all of them where none is named.

    Raises:
        ConfigurationError: there is no API key, or the base URL is malformed.
        ModelNotFoundError, AmbiguousModelError, EnvironmentNotFoundError: it is not clear what is asked for.
        RequestError: Baseten could not be asked.
    """
    _require_key()
    session = open_session(Configuration(lambda _: None))
    return session.run(_survey(session.client, model, env_names))


def _name(text: str) -> str:
    """Refuse what no request could ask for."""
    try:
        paths.environments(text)
    except ConfigurationError:
        raise argparse.ArgumentTypeError(f"must be a name, got {text!a}") from None
    return text


async def _survey(client: BasetenClient, text: str, env_names: Sequence[str]) -> Survey:
    model = meant(text, await client.read_models_now(within_seconds=TIMEOUT_SECONDS))
    found = await client.read_environments_now(model.id, within_seconds=TIMEOUT_SECONDS)
    try:
        for missing in set(env_names) - found.keys():  # asking for it says best what is missing
            found[missing] = await client.read_environment_now(model.id, missing, within_seconds=TIMEOUT_SECONDS)
    except EnvironmentNotFoundError as error:
        raise error.restated(advice="Correct --env, or leave it out for every environment.") from None
    return Survey(model, {name: found[name] for name in sorted(set(env_names) or found)})


def _require_key() -> None:
    if not os.environ.get("BASETEN_API_KEY", "").strip():
        raise MissingApiKeyError(
            Statements(
                goal="Baseten could not be asked.",
                seen="There is no API key: BASETEN_API_KEY is not set.",
                now="Nothing was sent.",
                advice="Set BASETEN_API_KEY. Keys are made at https://app.baseten.co/settings/api_keys.",
            )
        )
