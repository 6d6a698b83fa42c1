"""Defects to plant in the product, one at a time, to see that the campaign finds each.

A defect is an edit of one file in a copy of the package, so it stays readable and needs no seam.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PACKAGE = "baseten_pulumi"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One defect.

    Attributes:
        name: What it does.
        file: The file of the package that it is in.
        text: What stands there, once.
        defect: What stands there instead.
    """

    name: str
    file: str
    text: str
    defect: str


MUTANTS = (
    Mutant(
        "only the first setting is compared",
        "schema/compare.py",
        "seen.get(path)) for path, value in desired.items() if",
        "seen.get(path)) for path, value in list(desired.items())[:1] if",
    ),
    Mutant("a lower value is accepted", "schema/compare.py", "seen.get(path) != value)", "seen.get(path, 0) > value)"),
    Mutant("in_force without a wait", "provider/apply.py", "            if self._waits:\n", "            if False:\n"),
    Mutant(
        "in_force in a partial failure",
        "provider/apply.py",
        "resource_id(self._inputs), self.outputs(in_force=False)",
        "resource_id(self._inputs), self.outputs(in_force=True)",
    ),
    Mutant(
        "a partial failure without its outputs",
        "provider/apply.py",
        "return PartialFailure(error, resource_id(self._inputs), self.outputs(in_force=False))",
        "return PartialFailure(error, resource_id(self._inputs), {'in_force': False})",
    ),
    Mutant(
        "an error after the request is no partial failure",
        "provider/apply.py",
        "raise self._partial(error) if error.may_have_applied else error from None",
        "raise error from None",
    ),
    Mutant(
        "an earlier attempt is forgotten",
        "api/retry.py",
        "error = ambiguous(caught) if is_ambiguous else caught",
        "error = caught",
    ),
    Mutant(
        "the revision is not renewed",
        "provider/apply.py",
        "revision, self._status = secrets.token_hex(4), None",
        "revision, self._status = self._revision or secrets.token_hex(4), None",
    ),
    Mutant("a 500 is not retried", "api/failures.py", "_DOUBTFUL_SECONDS = 300.0", "_DOUBTFUL_SECONDS = 0.0"),
    Mutant("no error is retried", "api/retry.py", "if isinstance(error, TransientError) else 0.0", "if False else 0.0"),
    Mutant(
        "retries go on after the deadline",
        "api/retry.py",
        "min(started_at + timeout, limited_since + limit)",
        "limited_since + limit",
    ),
    Mutant(
        "a wait goes on after the deadline",
        "provider/apply.py",
        "wait([desired], timeout=self._timeout, elapsed",
        "wait([desired], timeout=10 * self._timeout, elapsed",
    ),
    Mutant("the key in an error", "api/transport.py", "    if len(api_key) < _SHORTEST_REDACTED:", "    if api_key:"),
    Mutant(
        "NONE is not sent as null",
        "api/models.py",
        "None if value == FIELDS[path].null_choice else value",
        "value",
    ),
    Mutant("a bound is one too low", "schema/settings.py", "(10, 3600),", "(9, 3600),"),
    Mutant("a bound is one too strict", "schema/validate.py", "value > field.maximum:", "value >= field.maximum:"),
    Mutant(
        "the joint wait sends",
        "provider/in_force.py",
        "            run(config, lambda session: session.watcher.wait(",
        "            run(config, lambda session: session.client.update_environment(desired[0].model_id, "
        "desired[0].env_name, desired[0].settings, timeout=call.timeout))\n"
        "            run(config, lambda session: session.watcher.wait(",
    ),
    Mutant(
        "the joint wait trusts what it waited for before",
        "provider/in_force.py",
        "        if before.get(name) != line:",
        "        if name not in before:",
    ),
    Mutant(
        "a conflict of owners is missed",
        "provider/ownership.py",
        "for path in settings if path in theirs]",
        "for path in settings if path in theirs and not urn]",
    ),
    Mutant(
        "an undeclared setting is sent",
        "api/models.py",
        "    return nest(body)",
        "    return nest({'autoscaling_settings.scale_down_delay': 60, **body})",
    ),
    Mutant(
        "an unfinished wait is no difference",
        "provider/diff.py",
        'found["in_force"] = "UPDATE"',
        "pass",
    ),
    Mutant(
        "a refresh returns what was declared",
        "provider/read.py",
        "nest({**desired, **found})",
        "nest(desired)",
    ),
    Mutant(
        "a reverted value is not sent again",
        "provider/read.py",
        'names = ("status", "revision") if in_force else ("revision",)',
        'names = ("status", "revision")',
    ),
)


def caught(mutant: Mutant, runs: int, seed: int) -> str | None:
    """Return the promise that a defect breaks; None if the campaign does not find it.

    Raises:
        ValueError: the text to replace is not in the file, or several times.
        RuntimeError: the campaign did not run.
    """
    with tempfile.TemporaryDirectory(prefix="baseten-pulumi-mutant-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / _PACKAGE, folder / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "tests").symlink_to(ROOT / "tests")
        file = folder / _PACKAGE / mutant.file
        source = file.read_text()
        if source.count(mutant.text) != 1:
            raise ValueError(f"{mutant.name}: {mutant.file} holds the text {source.count(mutant.text)} times")
        file.write_text(source.replace(mutant.text, mutant.defect))
        command = [sys.executable, "-m", "tests.faults", f"--runs={runs}", f"--seed={seed}", "--no-shrinking"]
        environment = {**os.environ, "PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if "violations" not in done.stdout:
        raise RuntimeError(f"{mutant.name}: the campaign itself failed:\n{done.stderr}")
    return done.stderr.splitlines()[0].rstrip(":") if done.returncode else None
