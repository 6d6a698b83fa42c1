"""A reader who follows a page notices what is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from baseten_pulumi.testing import Emulator
from tests.docs.following import Reader
from tests.docs.pages import Block, blocks

_DECLARED = """
from baseten_pulumi import BasetenEnvironmentSettings

BasetenEnvironmentSettings("chat", model_id="abc123", env_name="dev", autoscaling_settings={"max_replica": 0})
"""
_WRONG = {
    "a value that is refused": Block("p.md", 1, "python", None, "", _DECLARED),
    "a program that does not compile": Block("p.md", 1, "python", "__main__.py", "", "import\n"),
    "a line nobody printed": Block("p.md", 1, "text", None, "", "max_replica: 3 => 6\n"),
    "a command that fails": Block("p.md", 1, "console", None, "", "false\n"),
    "a command that should fail": Block("p.md", 1, "console", None, "this fails", "true\n"),
    "an extra there is not": Block("p.md", 1, "console", None, "", 'pip install "baseten-pulumi[cloud]"\n'),
    "a target there is not": Block("p.md", 1, "console", None, "", "make nothing-of-the-kind\n"),
    "an option there is not": Block("p.md", 1, "console", None, "", "baseten-pulumi emulate --ports 1\n"),
    "a file that is no YAML": Block("p.md", 1, "yaml", "Pulumi.yaml", "", "name serving\n"),
    "a reason nobody knows": Block("p.md", 1, "console", None, "not run: no time", "true\n"),
    "words that no test compares": Block("p.md", 1, "text", None, "word for word", "in force\n"),
    "a language nobody tries": Block("p.md", 1, "toml", None, "", "a = 1\n"),
}


def _workflow(command: str) -> Block:
    step = {"run": command, "env": {"STACK": "${{ matrix.stack }}"}}
    return Block("p.md", 1, "yaml", None, "", yaml.safe_dump({"jobs": {"up": {"steps": [step]}}}))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Emulator() as emulator:
        yield Reader(tmp_path, emulator)


@pytest.mark.parametrize("block", _WRONG.values(), ids=list(_WRONG))
def test_reader_stops_when_a_block_is_wrong(reader: Reader, block: Block) -> None:
    """Whatever a page claims and the package does not do ends the test of the page."""
    with pytest.raises((AssertionError, SyntaxError)):
        reader.follow(block)


def test_step_of_a_workflow_has_no_key_when_it_is_given_none(reader: Reader) -> None:
    """What a workflow's step can see is what its `env` says."""
    reader.follow(_workflow('test -z "${BASETEN_API_KEY-}"; test "$STACK" = production'))
    with pytest.raises(AssertionError):
        reader.follow(_workflow('test -n "${BASETEN_API_KEY-}"'))


def test_block_is_found_with_all_that_is_said_of_it_when_a_page_is_read(tmp_path: Path) -> None:
    """Language, title, the remark above and the text, inside an indented list too."""
    page = tmp_path / "p.md"
    page.write_text('- x\n\n  <!-- this fails -->\n  ```yaml title="a.yaml"\n  b:\n    c: 1\n  ```\n')
    assert blocks(page) == [Block("p.md", 4, "yaml", "a.yaml", "this fails", "b:\n  c: 1\n")]
