"""Which of the account's models somebody means."""

import difflib
from collections.abc import Sequence

from baseten_pulumi.api.models import Model
from baseten_pulumi.errors import AmbiguousModelError, ModelNotFoundError, Statements

# More models than this are not listed.
_MODELS_LISTED = 5


def named(name: str, models: Sequence[Model]) -> Model:
    """Return the model of that very name.

    Raises:
        ModelNotFoundError: no model has it; near names are offered.
        AmbiguousModelError: several models have it; their ids are listed.
    """
    found = [model for model in models if model.name == name]
    if len(found) > 1:
        raise AmbiguousModelError(
            _statements(name, f"{len(found)} models have that name: {_listed(found)}", "Give its id instead")
        )
    if not found:
        raise ModelNotFoundError(_statements(name, _not_found(name, models), "Correct the name"))
    return found[0]


def meant(text: str, models: Sequence[Model]) -> Model:
    """Return the model of that id, else the one of that name.

    Raises:
        ModelNotFoundError, AmbiguousModelError: as `named`.
    """
    return next((model for model in models if model.id == text), None) or named(text, models)


def whose(name: str, models: Sequence[Model]) -> str:
    """Say whose name was given for an id; "" where it is none's."""
    found = [model for model in models if model.name == name]
    if len(found) > 1:
        return f'"{name}" is the name of {len(found)} models: {_listed(found)}.'
    return f'"{name}" is the name of a model; its id is {found[0].id}.' if found else ""


def _statements(name: str, seen: str, advice: str) -> Statements:
    whole = f"{advice}, or check that the API key belongs to the workspace of the model."
    return Statements(f'Model "{name}" could not be looked up.', f"{seen}.", "", whole)


def _not_found(name: str, models: Sequence[Model]) -> str:
    if not models:
        return "This API key sees no models"
    close = difflib.get_close_matches(name.casefold(), {it.name.casefold() for it in models if it.name}, _MODELS_LISTED)
    near = [it for it in models if it.name and (it.name.casefold() in close or name.casefold() in it.name.casefold())]
    whose = "The account's one model does not have" if len(models) == 1 else f"None of {len(models)} models has"
    return f"{whose} that name{f'; near it: {_listed(near)}' if near else ''}"


def _listed(models: Sequence[Model]) -> str:
    shown = [f'"{it.name}" ({", ".join(filter(None, (it.id, it.team_name)))})' for it in models[:_MODELS_LISTED]]
    return ", ".join([*shown, *(["…"] if len(models) > _MODELS_LISTED else [])])
