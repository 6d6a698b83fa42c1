"""The page about errors has every public class, with the message that the package raises."""

import inspect
import re

import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import BasetenError
from tests.docs.messages import GATHERING, MADE
from tests.docs.pages import COMPARED, FOLDER, blocks, shown

_CLASSES = [it for it in vars(errors).values() if inspect.isclass(it) and issubclass(it, BasetenError)]
_PLACE = re.compile(r"at \w+\.py:\d+")


def test_every_class_has_an_entry_when_the_page_is_read() -> None:
    """Each has a heading of its own, and each heading of that level is a class."""
    page = (FOLDER / "errors.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### (.+)$", page, re.MULTILINE)) == sorted(it.__name__ for it in _CLASSES)
    assert {*MADE, *GATHERING} == set(_CLASSES)


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
def test_message_is_the_packages_own_when_shown(kind: type[BasetenError]) -> None:
    """Word for word; only the place of an internal error may differ."""
    made = MADE[kind]()
    assert type(made) is kind
    assert _PLACE.sub("", shown("errors.md", kind.__name__)) == _PLACE.sub("", f"{made}\n")


def test_every_message_is_compared_when_the_page_has_one() -> None:
    """The page has no other block."""
    assert [block.remark for block in blocks(FOLDER / "errors.md")] == [COMPARED] * len(MADE)


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
def test_entry_has_cause_and_fix_when_it_has_a_message(kind: type[BasetenError]) -> None:
    """Message, cause, fix, in this order."""
    page = (FOLDER / "errors.md").read_text(encoding="utf-8")
    entry = page.partition(f"### {kind.__name__}\n")[2].partition("\n#")[0]
    assert re.fullmatch(
        r"\n<!-- word for word -->\n```text\n.*?\n```\n\n\*\*Cause\.\*\* .+\n\n\*\*Fix\.\*\* .+\n?", entry, re.DOTALL
    )
