"""The page about errors has every public class, with the message that the package raises, its cause and its fix."""

import inspect
import re

import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import BasetenError
from tests.docs.messages import GATHERING, MADE
from tests.docs.pages import FOLDER

_CLASSES = {it for it in vars(errors).values() if inspect.isclass(it) and issubclass(it, BasetenError)}
_PAGE = (FOLDER / "errors.md").read_text(encoding="utf-8")
_ENTRY = re.compile(
    r"^### (\w+)\n\n<!-- word for word -->\n```text\n((?:.+\n)+?)```\n\n"
    r"\*\*Cause\.\*\* (?:.+\n)+\n\*\*Fix\.\*\* .+(?:\n.+)*\n(?:\n|\Z)(?=#|\Z)",
    re.MULTILINE,
)
_SHOWN = dict(_ENTRY.findall(_PAGE))
_PLACE = re.compile(r"at \w+\.py:\d+")


def test_every_class_has_an_entry_when_the_page_is_read() -> None:
    """Each has a heading, below it message, cause and fix; nothing else has such a heading or a block."""
    headings = re.findall(r"^### (.+)$", _PAGE, re.MULTILINE)
    assert sorted(headings) == sorted(it.__name__ for it in _CLASSES)
    assert {*MADE, *GATHERING} == _CLASSES
    assert sorted(_SHOWN) == sorted(it.__name__ for it in MADE)
    assert _PAGE.count("```") == 2 * len(MADE)


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
def test_message_is_the_packages_own_when_shown(kind: type[BasetenError]) -> None:
    """Only the place of an internal error may differ."""
    made = MADE[kind]()
    assert type(made) is kind
    assert _PLACE.sub("", _SHOWN[kind.__name__]) == _PLACE.sub("", f"{made}\n")


def test_troubleshooting_quotes_the_message_when_it_links_to_an_error() -> None:
    """What a reader searches for is in the example of that class, except for what changes, the dots."""
    page = (FOLDER / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)`.*\(errors\.md#(\w+)\) \|$", page, re.MULTILINE)
    examples = {name.lower(): text for name, text in _SHOWN.items()}
    assert [row for row in rows if not all(part.strip() in examples[row[1]] for part in row[0].split("…"))] == []
    assert len(rows) > 9
