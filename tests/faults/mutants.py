"""Defects to plant in the product, one at a time, to see that the campaign finds each.

A defect is an edit of one file in a copy of the package, so it stays readable and needs no seam.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_PACKAGE = "baseten_pulumi"
# What the defect does and the file of the package, what is written there (-) and what is written there instead (+).
_EDITS = """
only the first setting is compared: schema/compare.py
-seen.get(path)) for path, value in desired.items())
+seen.get(path)) for path, value in list(desired.items())[:1])
a lower value is accepted: schema/compare.py
-if not same(it[1], it[2]))
+if seen.get(it[0], 0) > it[1])
in_force without a wait: provider/operation.py
-            if desired := self.desired():
+            if desired := None:
in_force in a partial failure: provider/operation.py
-self.resource_id, self.outputs(in_force=False)
+self.resource_id, self.outputs(in_force=True)
a partial failure without its outputs: provider/operation.py
-return PartialFailure(error, self.resource_id, self.outputs(in_force=False))
+return PartialFailure(error, self.resource_id, {'in_force': False})
an error after the request is no partial failure: provider/operation.py
-raise self._partial(error) if is_ambiguous else error from None
+raise error from None
an earlier attempt is forgotten: api/retry.py
-error = ambiguous(caught) if is_ambiguous else caught
+error = caught
the revision is not renewed: provider/apply.py
-self._next_revision = secrets.token_hex(4)
+self._next_revision = self._revision or secrets.token_hex(4)
a 500 is not retried: api/failures.py
-_DOUBTFUL_SECONDS = 300.0
+_DOUBTFUL_SECONDS = 0.0
no error is retried: api/retry.py
-limit = limit, error.retried_for
+limit = limit, 0.0
retries go on after the deadline: api/retry.py
-min(started_at + timeout, limited_since + limit)
+limited_since + limit
a wait goes on after the deadline: provider/operation.py
-[desired], timeout=self._timeout, elapsed
+[desired], timeout=10 * self._timeout, elapsed
the key in an error: api/transport.py
-    if len(api_key) < _SHORTEST_REDACTED:
+    if api_key:
NONE is not sent as null: api/models.py
-None if value == FIELDS[path].null_choice else value
+value
a bound is one too low: schema/settings.py
-(10, 3600),
+(9, 3600),
a bound is one too strict: schema/validate.py
-value > field.maximum:
+value >= field.maximum:
the joint wait sends: provider/in_force.py
-            notes = run(config, lambda session: session.watcher.wait(
+            first = desired[0]
+            sent = (first.model_id, first.env_name, first.settings)
+            run(config, lambda session: session.client.update_environment(*sent, timeout=call.timeout))
+            notes = run(config, lambda session: session.watcher.wait(
the joint wait trusts what it waited for before: provider/in_force.py
-        if before.get(name) != line:
+        if name not in before:
a conflict of owners is missed: provider/ownership.py
-for path in settings if path in theirs]
+for path in settings if path in theirs and not urn]
an undeclared setting is sent: api/models.py
-    return nest(body)
+    return nest({'autoscaling_settings.scale_down_delay': 60, **body})
an unfinished wait is no difference: provider/diff.py
-found["in_force"] = "UPDATE"
+pass
a refresh returns what was declared: provider/read.py
-nest({**desired, **found})
+nest(desired)
a reverted value is not sent again: provider/read.py
-names = ("status", "revision") if in_force else ("status",)
+names = ("status", "revision")
one poll is enough: wait/polling.py
-            self._observed_since = now
+            self._observed_since, self.is_applied = now, True
a queued request is forgotten: provider/apply.py
-olds.get("status") == "QUEUED" and
+False and
a refresh forgets a queued request: provider/read.py
-if in_force else ("status",)
+if in_force else ()
"""


class Mutant(NamedTuple):
    """One defect: what it does, the file of the package that it is in, what is there, once, and the defect."""

    name: str
    file: str
    text: str
    defect: str


def _mutant(edit: str) -> Mutant:
    head, *lines = edit.splitlines()
    before, after = ("\n".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    name, file = head.split(": ")
    return Mutant(name, file, before, after)


MUTANTS = [_mutant(edit) for edit in re.split(r"\n(?![-+])", _EDITS.strip())]


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
        (folder / _PACKAGE / mutant.file).write_text(mutated(mutant))
        command = [sys.executable, "-m", "tests.faults", f"--runs={runs}", f"--seed={seed}", "--no-shrinking"]
        environment = {**os.environ, "PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if "violations" not in done.stdout:
        raise RuntimeError(f"{mutant.name}: the campaign itself failed:\n{done.stderr}")
    return done.stderr.splitlines()[0].rstrip(":") if done.returncode else None


def mutated(mutant: Mutant) -> str:
    """Return the file with the defect.

    Raises:
        ValueError: the text to replace is not in the file, or several times.
    """
    source = (ROOT / _PACKAGE / mutant.file).read_text(encoding="utf-8")
    if source.count(mutant.text) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has the text {source.count(mutant.text)} times")
    return source.replace(mutant.text, mutant.defect)
