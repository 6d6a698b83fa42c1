"""Take settings through their whole life, on an emulator of Baseten; `make demo` runs this.

It works on a copy of the project in a temporary folder, with a home, state, passphrase and key of its own, and leaves
nothing behind. The Pulumi CLI is used where it is on PATH, otherwise the local engine that ships with the package.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.isolation import isolated_environment

ROOT = Path(__file__).resolve().parent.parent
STACKS = ("dev", "staging", "production")
MODEL = "lm4chat8"


class Project:
    """A copy of this repository's project, and the engine that runs it."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self._folder = folder
        self._environment = isolated_environment(folder, emulator.url)
        self._is_real = shutil.which("pulumi") is not None
        self._engine = ["pulumi"] if self._is_real else [sys.executable, "-m", "baseten_pulumi.testing.engine"]
        self._copy(emulator.url)
        for stack in STACKS if self._is_real else ():
            self._init(stack)

    def run(self, *words: str, stack: str) -> int:
        """Run an engine command on one stack, its output going to the terminal; return its exit status."""
        command = [*self._engine, *words, "--stack", stack]
        print(f"\n$ {' '.join(command).replace(sys.executable, 'python')}", flush=True)
        command.append("--non-interactive")
        return subprocess.run(command, cwd=self._folder, env=self._environment, check=False).returncode

    def must(self, *words: str, stack: str) -> None:
        """Run an engine command that has to succeed."""
        status = self.run(*words, stack=stack)
        if status:
            sys.exit(f"The demo stopped: {words[0]} ended with {status}.")

    def declare(self, stack: str, **autoscaling: int) -> None:
        """Write other autoscaling settings into a stack's configuration, as an editor would."""
        file = self._folder / f"Pulumi.{stack}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"]["model-serving:autoscaling"].update(autoscaling)
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        said = ", ".join(f"{name}: {value}" for name, value in autoscaling.items())
        print(f"\n  Pulumi.{stack}.yaml now says {said}")

    def _copy(self, url: str) -> None:
        for file in ROOT.glob("Pulumi*.yaml"):
            content = yaml.safe_load(file.read_text())
            own = ("encryptionsalt", "encryptedkey", "secretsprovider")  # written by the user's own `pulumi stack init`
            kept = {key: value for key, value in content.items() if key not in own}
            (self._folder / file.name).write_text(yaml.safe_dump(kept, sort_keys=False))
        shutil.copytree(
            ROOT / "examples" / "quickstart",
            self._folder / "examples" / "quickstart",
            ignore=shutil.ignore_patterns(".venv", "__pycache__"),
        )
        project = self._folder / "Pulumi.yaml"
        content = yaml.safe_load(project.read_text())
        content["config"]["baseten:baseUrl"] = {"value": url}
        project.write_text(yaml.safe_dump(content, sort_keys=False))

    def _init(self, stack: str) -> None:
        command = ["pulumi", "stack", "init", stack, "--no-select"]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, check=False, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"The demo stopped: `{' '.join(command)}` said: {done.stderr.strip()}")


@contextmanager
def temporary_project(apply_seconds: float) -> Iterator[tuple[Project, Emulator]]:
    """Start the emulator and copy the project; clear both away afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="baseten-pulumi-demo-") as folder,
        Emulator(apply_seconds=apply_seconds) as emulator,
    ):
        yield Project(Path(folder), emulator), emulator


def say(text: str) -> None:
    """Announce a step."""
    print(f"\n━━ {text}", flush=True)


def main() -> None:
    """Show every step, each announced by what it shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--apply-seconds", type=float, default=3.0, help="how long the emulator takes to apply settings"
    )
    seconds: float = parser.parse_args().apply_seconds
    with temporary_project(seconds) as (project, emulator):
        print(f"An emulator of Baseten's API serves on {emulator.url}; settings take {seconds:g} s to apply.")
        put_in_force(project)
        change(project)
        drift(project, emulator)
        refuse(project)
        clear_away(project)


def put_in_force(project: Project) -> None:
    """Preview, apply three stacks, and apply again."""
    say("A preview: it says what would be sent, and asks nobody; it needs neither key nor network.")
    project.must("preview", "--diff", stack="dev")
    say("up: each row waits until Baseten reports the settings, and names those it waits for.")
    for stack in STACKS:
        project.must("up", "--yes", "--skip-preview", stack=stack)
    say("A second up: everything is in force, so nothing is sent.")
    project.must("up", "--yes", "--skip-preview", "--expect-no-changes", stack="production")


def change(project: Project) -> None:
    """Change a setting in the program."""
    say("A changed setting: previewed as old => new, then put in force.")
    project.declare("production", max_replica=6)
    project.must("preview", "--diff", stack="production")
    project.must("up", "--yes", "--skip-preview", stack="production")


def drift(project: Project, emulator: Emulator) -> None:
    """Let somebody change a setting by hand, and bring it back."""
    say("Drift: somebody sets max_replica to 9 by hand; refresh finds it, the preview shows it come back.")
    settings: Mapping[str, int] = {"max_replica": 9}
    emulator.change(MODEL, "production", autoscaling_settings=settings)
    project.must("refresh", "--yes", "--skip-preview", "--diff", stack="production")
    project.must("preview", "--diff", stack="production")
    project.must("up", "--yes", "--skip-preview", stack="production")


def refuse(project: Project) -> None:
    """Declare what cannot be."""
    say("A bad value: refused in the preview, by name, rule and value; nothing is sent.")
    project.declare("production", min_replica=7)
    if project.run("preview", stack="production") == 0:
        sys.exit("The demo stopped: the bad value was not refused.")
    project.declare("production", min_replica=1)


def clear_away(project: Project) -> None:
    """Destroy every stack."""
    say("destroy: the stacks forget the settings; Baseten keeps them, nothing is reverted.")
    for stack in STACKS:
        project.must("destroy", "--yes", "--skip-preview", stack=stack)
    say("That was the whole life of some settings. Your own: see README.md, “On your own models”.")


if __name__ == "__main__":
    main()
