import inspect
import re
import signal
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import BasetenError, Message, RateLimitedError
from baseten_pulumi.run_errors import run_errors

DRAWN = re.compile(r"^    (?P<branches>[│├└─ ]*)(?P<name>[A-Z]\w+)(?:  .*)?$", re.MULTILINE)


def test_tree_in_the_docstring_is_the_real_one_when_read() -> None:
    """Every class is drawn below its base."""
    at_depth = {-1: "Exception"}
    bases: dict[str, str] = {}
    for match in DRAWN.finditer(inspect.getdoc(errors) or ""):
        depth = len(match["branches"]) // 4
        at_depth[depth] = match["name"]
        bases[match["name"]] = at_depth[depth - 1]
    classes = [it for _, it in inspect.getmembers(errors, inspect.isclass) if issubclass(it, Exception)]
    assert bases == {it.__name__: it.__base__.__name__ for it in classes if it.__base__ is not None}


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
    assert str(BasetenError(message)) == text


def test_copy_keeps_class_and_attributes_when_the_message_changes() -> None:
    error = RateLimitedError(Message("F.", "O.", "S.", "A."), status_code=429, retry_after=7.0)
    copy = error.with_message(failed="Other.", state="")
    assert (type(copy), copy.message, str(copy)) == (
        RateLimitedError,
        Message("Other.", "O.", "", "A."),
        "Other.\nO.\nA.",
    )
    assert (copy.status_code, copy.retry_after, copy.may_have_applied) == (429, 7.0, False)
    assert str(error) == "F.\nO. S.\nA."


def test_error_is_a_run_error_too_when_a_program_causes_it() -> None:
    """Pulumi shows a RunError without a traceback; class, text and attributes stay."""
    with pytest.raises(RateLimitedError) as caught, run_errors():
        raise RateLimitedError(Message("F.", "O.", "S.", "A."), status_code=429)
    error = caught.value
    assert isinstance(error, pulumi.RunError)
    assert (type(error).__name__, type(error).__module__) == ("RateLimitedError", "baseten_pulumi.errors")
    assert (str(error), error.status_code, error.__cause__) == ("F.\nO. S.\nA.", 429, None)
    assert str(error.with_message(state="")) == "F.\nO.\nA."


def test_other_error_stays_as_it_is_when_a_program_causes_it() -> None:
    """An internal error must keep its traceback."""
    with pytest.raises(KeyError) as caught, run_errors():
        raise KeyError("x")
    assert type(caught.value) is KeyError


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("pulumi-language-python-exec", "ValueError"),
        ("automation.py", "KeyboardInterrupt ValueError KeyboardInterrupt"),
    ],
)
def test_interrupt_is_printed_when_it_is_not_the_pulumi_cli_that_runs_the_program(
    program: str, printed: str, tmp_path: Path
) -> None:
    """The CLI interrupts a program whose resource failed. The exit status, and what others print, stay the same."""
    (tmp_path / program).write_text(
        "import sys\n"
        "sys.excepthook = lambda kind, *_: print(kind.__name__)\n"
        "import baseten_pulumi\n"
        "for error in (KeyboardInterrupt(), ValueError()):\n"
        "    sys.excepthook(type(error), error, None)\n"
        "raise KeyboardInterrupt\n"
    )
    done = subprocess.run([sys.executable, tmp_path / program], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr, done.returncode) == (printed.split(), "", -signal.SIGINT)
