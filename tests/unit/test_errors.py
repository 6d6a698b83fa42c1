import inspect
import re

import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import BasetenError, RateLimitedError, Statements

DRAWN = re.compile(r"^    (?P<branches>[│├└─ ]*)(?P<name>[A-Z]\w+)(?:  .*)?$", re.MULTILINE)


def _drawn_tree() -> dict[str, str]:
    """Read the tree drawn in the module's docstring: each class and the one above it."""
    above: dict[int, str] = {}
    parents: dict[str, str] = {}
    for match in DRAWN.finditer(inspect.getdoc(errors) or ""):
        depth = len(match["branches"]) // 4
        above[depth] = match["name"]
        parents[match["name"]] = above[depth - 1] if depth else "Exception"
    return parents


def _real_tree() -> dict[str, str]:
    classes = [it for _, it in inspect.getmembers(errors, inspect.isclass) if issubclass(it, Exception)]
    return {it.__name__: it.__base__.__name__ for it in classes if it.__base__ is not None}


def test_tree_is_the_one_drawn_when_read() -> None:
    """The drawing in the docstring is the real tree, whole."""
    assert _drawn_tree() == _real_tree()
    assert len(_real_tree()) == 24


def test_message_is_three_lines_when_there_are_four_statements() -> None:
    """What was seen and what is true now share the line between the goal and the advice."""
    assert str(BasetenError(Statements("Goal.", "Seen.", "Now.", "Advice."))) == "Goal.\nSeen. Now.\nAdvice."


def test_message_skips_what_is_true_now_when_there_is_nothing_to_add() -> None:
    """An empty statement leaves no trace."""
    assert str(BasetenError(Statements("Goal.", "Seen.", "", "Advice."))) == "Goal.\nSeen.\nAdvice."


def test_restated_error_keeps_its_class_and_facts_when_its_words_change() -> None:
    """Other words for the goal and for what is true now; the error given is left as it was."""
    error = RateLimitedError(Statements("G.", "S.", "N.", "A."), status_code=429, retry_after_seconds=7.0)
    other = error.restated(goal="Other goal.", now="")
    assert type(other) is RateLimitedError
    assert (other.status_code, other.retry_after_seconds, other.may_have_taken_effect) == (429, 7.0, False)
    assert str(other) == "Other goal.\nS.\nA."
    assert other.statements == Statements("Other goal.", "S.", "", "A.")
    assert str(error) == "G.\nS. N.\nA."


@pytest.mark.parametrize("words", [{"goal": "New."}, {"now": "New."}, {}])
def test_words_not_given_stay_when_an_error_is_restated(words: dict[str, str]) -> None:
    """None keeps a statement."""
    before = Statements("G.", "S.", "N.", "A.")
    after = BasetenError(before).restated(**words).statements
    assert (after.goal, after.now) == (words.get("goal", "G."), words.get("now", "N."))
