"""The test of a page fails if the page is wrong."""

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


def _workflow(command: str) -> Block:
    step = {"run": command, "env": {"STACK": "${{ matrix.stack }}"}}
    return Block("p.md", 1, "yaml", None, "", yaml.safe_dump({"jobs": {"up": {"steps": [step]}}}))


_WRONG = {
    "a value that is refused": Block("p.md", 1, "python", None, "", _DECLARED),
    "a program that does not compile": Block("p.md", 1, "python", "__main__.py", "", "import\n"),
    "a line that was not printed": Block("p.md", 1, "text", None, "", "max_replica: 3 => 6\n"),
    "a command that fails": Block("p.md", 1, "console", None, "", "false\n"),
    "a command that should fail": Block("p.md", 1, "console", None, "this fails", "true\n"),
    "a command that fails before the last": Block("p.md", 1, "console", None, "this fails", "false\nfalse\n"),
    "an unknown extra": Block("p.md", 1, "console", None, "", 'pip install "baseten-pulumi[cloud]"\n'),
    "an unknown target of make": Block("p.md", 1, "console", None, "", "make nothing-of-the-kind\n"),
    "an unknown option": Block("p.md", 1, "console", None, "", "baseten-pulumi emulate --ports 1\n"),
    "a file that is not YAML": Block("p.md", 1, "yaml", "Pulumi.yaml", "", "name serving\n"),
    "an unknown reason": Block("p.md", 1, "console", None, "not run: no time", "true\n"),
    "a message that no test compares": Block("p.md", 1, "text", None, "word for word", "applied\n"),
    "a language that is not tested": Block("p.md", 1, "toml", None, "", "a = 1\n"),
    "a step without the key": _workflow('test -n "${BASETEN_API_KEY-}"'),
}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Emulator() as emulator:
        yield Reader(tmp_path, emulator)


@pytest.mark.parametrize("block", _WRONG.values(), ids=list(_WRONG))
def test_reader_stops_when_a_block_is_wrong(reader: Reader, block: Block) -> None:
    with pytest.raises((AssertionError, SyntaxError, SystemExit)):
        reader.follow(block)


def test_step_of_a_workflow_has_its_own_variables_when_it_runs(reader: Reader) -> None:
    reader.follow(_workflow('test -z "${BASETEN_API_KEY-}"; test "$STACK" = production'))


def test_block_has_language_title_and_remark_when_a_page_is_read(tmp_path: Path) -> None:
    """The remark is the comment above; a block may be inside an indented list."""
    page = tmp_path / "p.md"
    page.write_text('- x\n\n  <!-- this fails -->\n  ```yaml title="a.yaml"\n  b:\n    c: 1\n  ```\n')
    assert blocks(page) == [Block("p.md", 4, "yaml", "a.yaml", "this fails", "b:\n  c: 1\n")]
