import inspect
import re

import pulumi
import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import BasetenError, EnvironmentNotFoundError, Message, RateLimitedError
from baseten_pulumi.run_errors import run_errors

DRAWN = re.compile(r"^    (?P<branches>[│├└─ ]*)(?P<name>[A-Z]\w+)(?:  .*)?$", re.MULTILINE)


def _drawn_tree() -> dict[str, str]:
    """Read the tree in the module's docstring: each class and its base."""
    at_depth: dict[int, str] = {}
    bases: dict[str, str] = {}
    for match in DRAWN.finditer(inspect.getdoc(errors) or ""):
        depth = len(match["branches"]) // 4
        at_depth[depth] = match["name"]
        bases[match["name"]] = at_depth[depth - 1] if depth else "Exception"
    return bases


def test_tree_in_the_docstring_is_the_real_one_when_read() -> None:
    """Every class is drawn below its base."""
    classes = [it for _, it in inspect.getmembers(errors, inspect.isclass) if issubclass(it, Exception)]
    assert _drawn_tree() == {it.__name__: it.__base__.__name__ for it in classes if it.__base__ is not None}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Message("Failed.", "Observed.", "State.", "Action."), "Failed.\nObserved. State.\nAction."),
        (Message("Failed.", "Observed.", "", "Action."), "Failed.\nObserved.\nAction."),
        (Message("Failed.", "One: 1.\nTwo: 2.", "State.", "Action."), "Failed.\nOne: 1.\nTwo: 2.\nState.\nAction."),
        (Message("Failed.", "", "", "Action."), "Failed.\nAction."),
    ],
)
def test_parts_are_joined_when_a_message_is_shown(message: Message, text: str) -> None:
    """What was observed and the current state share a line unless there are several; an empty part leaves no trace."""
    assert str(message) == text
    assert str(BasetenError(message)) == text


def test_copy_keeps_class_and_attributes_when_the_message_changes() -> None:
    """The error itself stays as it was."""
    error = RateLimitedError(Message("F.", "O.", "S.", "A."), status_code=429, retry_after=7.0)
    copy = error.with_message(failed="Other.", state="")
    assert type(copy) is RateLimitedError
    assert (copy.status_code, copy.retry_after, copy.may_have_applied) == (429, 7.0, False)
    assert (str(copy), copy.message) == ("Other.\nO.\nA.", Message("Other.", "O.", "", "A."))
    assert str(error) == "F.\nO. S.\nA."


def test_error_is_a_run_error_too_when_a_program_causes_it() -> None:
    """Pulumi shows a RunError without a traceback; class, text and attributes stay."""
    with pytest.raises(EnvironmentNotFoundError) as caught, run_errors():
        raise EnvironmentNotFoundError(Message("F.", "O.", "S.", "A."), status_code=404)
    error = caught.value
    assert isinstance(error, pulumi.RunError)
    assert (type(error).__name__, type(error).__module__) == ("EnvironmentNotFoundError", "baseten_pulumi.errors")
    assert (str(error), error.status_code, error.__cause__) == ("F.\nO. S.\nA.", 404, None)
    assert str(error.with_message(state="")) == "F.\nO.\nA."


def test_other_error_stays_as_it_is_when_a_program_causes_it() -> None:
    """An internal error must keep its traceback."""
    with pytest.raises(KeyError) as caught, run_errors():
        raise KeyError("x")
    assert type(caught.value) is KeyError
