"""Take settings through their whole life, on an emulator of Baseten; `make demo` runs this.

It works on a copy of the project in a temporary folder, with a home, state, passphrase and key of its own, and leaves
nothing behind. It uses the Pulumi CLI if that is on PATH, otherwise a stand-in for its engine.
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
from tests.isolation import isolated_environment

ROOT = Path(__file__).resolve().parent.parent
STACKS = ("dev", "staging", "production")
MODEL = "lm4chat8"


class Project:
    """A copy of this repository's project, and the engine that runs it."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self._folder = folder
        self._environment = isolated_environment(folder, emulator.url)
        self._is_real = shutil.which("pulumi") is not None
        self._engine = ["pulumi"] if self._is_real else [sys.executable, "-m", "tests.engine"]
        self._copy(emulator.url)
        for stack in STACKS if self._is_real else ():
            self._init(stack)

    def run(self, *words: str, stack: str) -> int:
        """Run an engine command on one stack, with its output on the terminal; return its exit status."""
        command = [*self._engine, *words, "--stack", stack]
        print(f"\n$ {' '.join(command).replace(sys.executable, 'python')}", flush=True)
        command += ["--non-interactive", "--cwd", str(self._folder)]
        return subprocess.run(command, cwd=ROOT, env=self._environment, check=False).returncode

    def must(self, *words: str, stack: str) -> None:
        """Run an engine command that must succeed."""
        status = self.run(*words, stack=stack)
        if status:
            sys.exit(f"The demo stopped: {words[0]} exited with {status}.")

    def declare(self, stack: str, **autoscaling: int) -> None:
        """Write other autoscaling settings into a stack's configuration, as an editor would."""
        file = self._folder / f"Pulumi.{stack}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"]["model-serving:autoscaling"].update(autoscaling)
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        declared = ", ".join(f"{name}: {value}" for name, value in autoscaling.items())
        print(f"\n  Pulumi.{stack}.yaml now has {declared}")

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
            sys.exit(f"The demo stopped: `{' '.join(command)}` failed: {done.stderr.strip()}")


@contextmanager
def temporary_project(apply_seconds: float) -> Iterator[tuple[Project, Emulator]]:
    """Start the emulator and copy the project; remove both afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="baseten-pulumi-demo-") as folder,
        Emulator(apply_seconds=apply_seconds) as emulator,
    ):
        yield Project(Path(folder), emulator), emulator


def say(text: str) -> None:
    """Announce a step."""
    print(f"\n━━ {text}", flush=True)


def main() -> None:
    """Run every step, each with a heading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--apply-seconds", type=float, default=3.0, help="how long the emulator takes to apply settings"
    )
    seconds: float = parser.parse_args().apply_seconds
    with temporary_project(seconds) as (project, emulator):
        print(f"An emulator of Baseten's API runs on {emulator.url}; settings take {seconds:g} s to apply.")
        apply(project)
        change(project)
        drift(project, emulator)
        refuse(project)
        destroy(project)


def apply(project: Project) -> None:
    """Preview, apply three stacks, and apply again."""
    say("A preview: it shows what would be sent, and needs neither key nor network.")
    project.must("preview", "--diff", stack="dev")
    say("up: each resource waits until Baseten has applied the settings; its row shows which ones differ.")
    for stack in STACKS:
        project.must("up", "--yes", "--skip-preview", stack=stack)
    say("A second up: everything is applied, so nothing is sent.")
    project.must("up", "--yes", "--skip-preview", "--expect-no-changes", stack="production")


def change(project: Project) -> None:
    """Change a setting in the program."""
    say("A changed setting: previewed as old => new, then applied.")
    project.declare("production", max_replica=6)
    project.must("preview", "--diff", stack="production")
    project.must("up", "--yes", "--skip-preview", stack="production")


def drift(project: Project, emulator: Emulator) -> None:
    """Change a setting by hand, and reset it."""
    say("Drift: somebody sets max_replica to 9 by hand; refresh finds it, the preview shows the reset.")
    settings: Mapping[str, int] = {"max_replica": 9}
    emulator.change(MODEL, "production", autoscaling_settings=settings)
    project.must("refresh", "--yes", "--skip-preview", "--diff", stack="production")
    project.must("preview", "--diff", stack="production")
    project.must("up", "--yes", "--skip-preview", stack="production")


def refuse(project: Project) -> None:
    """Declare an invalid value."""
    say("An invalid value: the preview refuses it, with path, rule and value; nothing is sent.")
    project.declare("production", min_replica=7)
    if project.run("preview", stack="production") == 0:
        sys.exit("The demo stopped: the invalid value was not refused.")
    project.declare("production", min_replica=1)


def destroy(project: Project) -> None:
    """Destroy every stack."""
    say("destroy: the stacks no longer manage the settings; Baseten keeps them, nothing is reverted.")
    for stack in STACKS:
        project.must("destroy", "--yes", "--skip-preview", stack=stack)
    say("That was all. For your own models, see README.md, “On your own models”.")


if __name__ == "__main__":
    main()
