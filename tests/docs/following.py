"""Do what a page tells its reader to do: write its files, type its commands, run its programs.

Everything happens in one folder, in the order of the page, against an emulator. Commands go through a shell unchanged,
with stand-ins first on the PATH: `pulumi` is the local engine, which answers yes to every prompt; `pip` and `make`
check their arguments and do nothing. If the Pulumi CLI is installed, a block that needs it runs in a copy.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from baseten_pulumi.schema.validate import validate_inputs
from baseten_pulumi.testing import Emulator
from tests.docs.pages import COMPARED, FAILS, NEEDS_PULUMI, NOT_RUN, ROOT, Block
from tests.engines import RUN_SECONDS, Stack, real_engine
from tests.mocked import run

PROGRAM = "__main__.py"
REASONS = frozenset({"it refers to a stack of your own"})
"""The reasons for not running a block; any other is a mistake in the page."""

EMULATOR = "http://127.0.0.1:8095"
"""The URL of the emulator in pages."""

OPERATIONS = ("up", "preview", "refresh", "destroy")

STACK = "production"
"""Replaces every expression in a workflow, where only the stack's name matters; the environment changed by hand."""

_SETTINGS = "pulumi-python:dynamic/baseten:EnvironmentSettings"
_TIMES = re.compile(r"\(\d+ s\)")
_SPACES = re.compile(r" +")
_BY_HAND = re.compile(r"somebody sets (\w+) to (\d+)")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
_PULUMI = """#!{python}
import os, sys
words = sys.argv[1:]
operation = words[0] in ("up", "refresh", "destroy")
words += ["--yes", "--skip-preview"] if operation else []
words += ["--color", "never"] if operation or words[0] == "preview" else []
os.execv({command[0]!r}, [*{command!r}, *words, "--non-interactive"])
"""
_COMMAND = """#!{python}
import sys
from tests.docs.commands import {name}
sys.exit({name}(sys.argv[1:]))
"""


class Reader:
    """A reader who follows one page."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.folder = folder / "project"
        self.folder.mkdir()
        own = Stack(self.folder, "local", emulator).environment
        # looptime's plugin, which this repository has installed and a reader has not, fails every test here.
        options = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": "-p no:looptime_plugin"}
        self._environment = {**own, "PYTHONPATH": str(ROOT), **options}
        self._commands = folder / "commands"
        self._put_commands()
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
        else:
            how: dict[str, Callable[[Block], None]] = {
                "python": self._declare,
                "console": self._type,
                "yaml": self._read,
                "json": _parse,
                "text": self._compare,
            }
            assert block.language in how, f"{block.place}: a block in {block.language!r} cannot be tested"
            how[block.language](block)

    def finish(self) -> None:
        """Run a program that no command of the page has run."""
        if self._is_program_new:
            self._is_program_new = False
            self._operate([["pulumi", "up"]], f"the {PROGRAM} of the page", fails=False)

    def _write(self, title: str, block: Block) -> None:
        if title == PROGRAM:
            self.finish()
            self._is_program_new = True
        if title.endswith((".yaml", ".yml")):
            _parse(block)
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

    def _read(self, block: Block) -> None:
        """Parse a file; if it is a GitHub workflow, run the commands of its steps, with their own variables alone."""
        _parse(block)
        found = yaml.safe_load(block.text)
        for job in found.get("jobs", {}).values() if isinstance(found, Mapping) else ():
            self._is_program_new = False
            *before, last = [step for step in job["steps"] if "run" in step]
            for step in before:
                self._work(step, block.place)
            self._work(last, block.place, fails=block.remark == FAILS)

    def _work(self, step: Mapping[str, Any], place: str, *, fails: bool = False) -> None:
        own = {name: _EXPRESSION.sub(STACK, text) for name, text in step.get("env", {}).items()}
        without_key = {name: text for name, text in self._environment.items() if name != "BASETEN_API_KEY"}
        self._run(step["run"], self.folder, {**without_key, "PATH": self._path, **own}, place, fails=fails)

    def _type(self, block: Block) -> None:
        if block.remark == NEEDS_PULUMI:
            self._type_for_real(block)
            return
        if by_hand := _BY_HAND.fullmatch(block.remark):
            self.emulator.change("abc123", STACK, autoscaling_settings={by_hand[1]: int(by_hand[2])})
        commands = [shlex.split(line) for line in block.text.splitlines()]
        is_all_ours = all(words[:1] == ["pulumi"] and words[1] in OPERATIONS for words in commands)
        if is_all_ours:
            self._operate(commands, block.place, fails=block.remark == FAILS)
        else:
            self._is_program_new &= ["pytest"] not in [words[:1] for words in commands]
            self._bash(block.text, block.place, fails=block.remark == FAILS)

    def _operate(self, commands: list[list[str]], place: str, *, fails: bool) -> None:
        """Run operations of Pulumi in this process: starting interpreters takes most of the time."""
        self._is_program_new = False
        self._output = ""
        for _, operation, *flags in commands:
            name = flags.pop(flags.index("--stack") + 1) if "--stack" in flags else "dev"
            done = Stack(self.folder, "local", self.emulator, name).run(
                operation, *(it for it in flags if it != "--stack")
            )
            self._output += done.text
            assert (done.returncode != 0) == fails, f"{place} ended with {done.returncode}\n{done.text}"

    def _type_for_real(self, block: Block) -> None:
        """Type what needs the Pulumi CLI, in a copy of the project, with variables that are kept for the whole page."""
        engine, copy = real_engine(), self.folder.with_name("for-real")
        if engine is None:
            return
        if not copy.exists():
            shutil.copytree(self.folder, copy)
            _put(copy / "commands" / "pulumi", _PULUMI.format(python=sys.executable, command=[engine]))
            path = f"{copy / 'commands'}{os.pathsep}{self._path}"
            self._environment_for_real = {**self._environment, "PATH": path, "PULUMI_BACKEND_URL": copy.as_uri()}
        self._run(f"{block.text}\nenv -0 > environment", copy, self._environment_for_real, block.place)
        variables = (it.partition("=") for it in (copy / "environment").read_text().split("\0") if it)
        self._environment_for_real = {name: value for name, _, value in variables}

    def _compare(self, block: Block) -> None:
        """Look for every line of the block in the last output; durations may differ."""
        printed = _comparable(self._output)
        for line in filter(None, map(str.strip, block.text.splitlines())):
            assert _comparable(line) in printed, f"{block.place}: {line!r} was not printed\n{self._output}"

    def _bash(self, script: str, place: str, *, fails: bool = False) -> None:
        done = self._run(script, self.folder, {**self._environment, "PATH": self._path}, place, fails=fails)
        self._output = done.stdout + done.stderr

    def _run(
        self, script: str, folder: Path, environment: Mapping[str, str], place: str, *, fails: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(EMULATOR, self.emulator.url)],
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        output = f"{place} ended with {done.returncode}\n{script}\n{done.stdout}{done.stderr}"
        assert (done.returncode != 0) == fails, output
        return done

    @property
    def _path(self) -> str:
        return f"{self._commands}{os.pathsep}{self._environment['PATH']}"

    def _put_commands(self) -> None:
        engine = [sys.executable, "-m", "baseten_pulumi.testing.engine"]
        _put(self._commands / "pulumi", _PULUMI.format(python=sys.executable, command=engine))
        for name in ("pip", "make", "baseten-pulumi"):
            _put(self._commands / name, _COMMAND.format(python=sys.executable, name=name.replace("-", "_")))


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _comparable(text: str) -> str:
    return _TIMES.sub("(… s)", _SPACES.sub(" ", text))


def _parse(block: Block) -> None:
    documents = [json.loads(block.text)] if block.language == "json" else list(yaml.safe_load_all(block.text))
    assert all(isinstance(it, (Mapping, list)) for it in documents), block.place
