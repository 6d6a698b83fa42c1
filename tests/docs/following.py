"""Do what a page tells its reader to do: write its files, type its commands, run its programs.

Everything happens in one folder, in the order of the page, against an emulator, and if possible in this process:
starting interpreters takes most of the time. `pulumi` is the local engine; `pip` and `make` check their arguments and
do nothing. If the Pulumi CLI is installed, a block that needs it runs in a copy.
"""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from baseten_pulumi.cli import emulate, main
from baseten_pulumi.schema.validate import validate_inputs
from baseten_pulumi.testing import Emulator
from tests.docs.pages import COMPARED, FAILS, NEEDS_PULUMI, NOT_RUN, ROOT, Block
from tests.examples import EXAMPLES
from tests.mocked import run
from tests.stacks import RUN_SECONDS, Stack, real_engine

PROGRAM = "__main__.py"
REASONS = frozenset({"it refers to a stack of your own"})
"""The reasons for not running a block; any other is a mistake in the page."""
EMULATOR = "http://127.0.0.1:8095"
"""The URL of the emulator in pages."""
STACK = "production"
"""Replaces every expression in a workflow, where only the stack's name matters; the environment changed by hand."""

_SETTINGS = "pulumi-python:dynamic/baseten:EnvironmentSettings"
_BY_HAND = re.compile(r"somebody sets (\w+) to (\d+)")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
_VARIABLE = re.compile(r"\$(\w+)")


class Reader:
    """A reader who follows one page."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.folder = folder / "project"
        self.folder.mkdir()
        self._environment = {**Stack(self.folder, "local", emulator).environment, "PYTHONPATH": str(ROOT)}
        self._environment_for_real: dict[str, str] = {}
        self._output = ""
        self._is_program_new = False

    def follow(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            AssertionError: it does not do what the page says.
        """
        if block.remark.startswith(NOT_RUN):
            assert block.remark.removeprefix(NOT_RUN) in REASONS, block.place
        elif block.remark == COMPARED:
            assert block.page in ("errors.md", "waiting.md"), f"{block.place}: no test compares it"
        elif block.title is not None:
            self._write(block.title, block)
        elif block.language == "python":
            self._declare(block)
        elif block.language == "console":
            self._type(block)
        elif block.language == "yaml":
            self._work(block)
        else:
            assert block.language == "text", f"{block.place}: a block in {block.language!r} cannot be tested"
            printed = "\n".join(" ".join(line.split()) for line in self._output.splitlines())
            for words in filter(None, map(str.split, block.text.splitlines())):
                assert " ".join(words) in printed, f"{block.place}: {words} was not printed\n{self._output}"

    def finish(self) -> None:
        """Run a program that no command of the page has run."""
        if self._is_program_new:
            self._run(f"pulumi up --stack {STACK}", self._environment, f"the {PROGRAM} of the page")

    def _write(self, title: str, block: Block) -> None:
        if title == PROGRAM:
            self.finish()
            self._is_program_new = True
        if title.endswith(".yaml"):
            _parsed(block)
        if title.endswith(".py"):
            compile(block.text, block.place, "exec")
        path = self.folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text.replace(EMULATOR, self.emulator.url))

    def _declare(self, block: Block) -> None:
        """Run a program without an engine; the provider must accept what it declares."""
        code = compile(block.text, block.place, "exec")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("BASETEN_BASE_URL", self.emulator.url)
            patch.setenv("BASETEN_API_KEY", "any")
            _, mocks = run(lambda: exec(code, {"__name__": "__main__"}))  # noqa: S102 - the page's own program
        for args in mocks.registered:
            if args.typ == _SETTINGS and not args.resource_id:
                assert validate_inputs(args.inputs)[1] == [], block.place

    def _work(self, block: Block) -> None:
        """Run the commands of a GitHub workflow, with the variables of each step alone; other YAML is only parsed."""
        without_key = {name: text for name, text in self._environment.items() if name != "BASETEN_API_KEY"}
        for job in _parsed(block).get("jobs", {}).values():
            steps = [step for step in job["steps"] if "run" in step]
            for step in steps:
                own = {name: _EXPRESSION.sub(STACK, text) for name, text in step.get("env", {}).items()}
                fails = block.remark == FAILS and step is steps[-1]
                self._run(step["run"], {**without_key, **own}, block.place, fails=fails)

    def _type(self, block: Block) -> None:
        if block.remark == NEEDS_PULUMI:
            self._type_for_real(block)
            return
        if by_hand := _BY_HAND.fullmatch(block.remark):
            self.emulator.change("abc123", STACK, autoscaling_settings={by_hand[1]: int(by_hand[2])})
        self._run(block.text, self._environment, block.place, fails=block.remark == FAILS)

    def _run(self, script: str, environment: Mapping[str, str], place: str, *, fails: bool = False) -> None:
        """Run commands; the last one fails or not, as the page says, and no other one does."""
        self._output = ""
        *lines, last = script.replace(EMULATOR, self.emulator.url).splitlines()
        for line in [*lines, last]:
            expanded = _VARIABLE.sub(lambda it: environment.get(it[1], it[0]), line)
            status, output = self._done(shlex.split(expanded, comments=True), line, environment)
            self._output += output
            assert (status != 0) == (fails and line is last), f"{place}: {line} ended with {status}\n{output}"

    def _done(self, words: Sequence[str], line: str, environment: Mapping[str, str]) -> tuple[int, str]:
        if words[0] == "pulumi":
            return self._operate(words[1:], environment)
        if words[0] == "baseten-pulumi":
            return self._command(words[1:], environment)
        if words[0] == "pytest":  # tests/e2e/test_examples.py runs it in the example that the page shows
            self._is_program_new = False
            shown, kept = (folder / words[-1] for folder in (self.folder, EXAMPLES / "testing_your_stack"))
            return int(shown.read_text() != kept.read_text()), f"{words[-1]} is not the example's"
        if words[0] == "pip":
            return self._pip(words[1:]), ""
        # Of `make` only the targets are looked up.
        script = f"make -n -C {ROOT} {shlex.join(words[1:])}" if words[0] == "make" else line
        return _bash(script, self.folder, environment)

    def _operate(self, words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        self._is_program_new = False
        flags = [it for it in words[1:] if it not in ("--yes", "--skip-preview")]
        at = flags.index("--stack") if "--stack" in flags else len(flags)
        stack = Stack(self.folder, "local", self.emulator, flags[at + 1] if at < len(flags) else "dev")
        stack.environment = dict(environment)
        done = stack.run(words[0], *flags[:at], *flags[at + 2 :])
        return done.returncode, done.text

    def _command(self, words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        """Run a command of the package; of `emulate`, which serves until it is interrupted, only parse the options."""
        words, output, file = list(words), io.StringIO(), None
        if ">" in words:
            *words, _, file = words
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
            for name in ("BASETEN_BASE_URL", "BASETEN_API_KEY"):
                patch.setenv(name, environment[name])
            if words[0] != "emulate":
                status = main(words)
            else:
                status = 0
                emulate.parser().parse_args(words[1:])
        if file is not None:
            (self.folder / file).write_text(output.getvalue())
        return status, output.getvalue()

    def _pip(self, words: Sequence[str]) -> int:
        """Check a command that installs this package, with extras it has."""
        _, _, extras = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]\n")
        names = re.findall(r"^([\w-]+) = \[$", extras.partition("\n\n[")[0], re.MULTILINE)
        known = {"baseten-pulumi", "pytest", *(f"baseten-pulumi[{name}]" for name in names)}
        requested = (self.folder / words[2]).read_text().split() if words[1] == "-r" else words[1:]
        return int(words[0] != "install" or not known.issuperset(requested))

    def _type_for_real(self, block: Block) -> None:
        """Type what needs the Pulumi CLI, in a copy of the project, with variables that are kept for the whole page."""
        copy = self.folder.with_name("for-real")
        if real_engine() is None:
            return
        if not copy.exists():
            shutil.copytree(self.folder, copy)
            # looptime's plugin, which this repository has installed and a reader has not, fails every test here.
            own = {"PULUMI_BACKEND_URL": copy.as_uri(), "PYTEST_ADDOPTS": "-p no:looptime_plugin"}
            self._environment_for_real = {**self._environment, **own}
        script = f"{block.text.replace(EMULATOR, self.emulator.url)}\nenv -0 > environment"
        status, output = _bash(script, copy, self._environment_for_real)
        assert status == 0, f"{block.place}\n{output}"
        variables = (it.partition("=") for it in (copy / "environment").read_text().split("\0") if it)
        self._environment_for_real = {name: value for name, _, value in variables}


def _bash(script: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _parsed(block: Block) -> Any:
    found = yaml.safe_load(block.text)
    assert isinstance(found, Mapping), block.place
    return found
