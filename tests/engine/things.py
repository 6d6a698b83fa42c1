"""Programs of plain dynamic resources, to run on the local engine and on the real one alike.

A thing is a file in a folder that stands for a cloud; every call of its provider is written to a journal.
"""

import json
from pathlib import Path
from typing import Any

from tests.programs import until
from tests.stacks import Stack

_SOURCE = """
import json
import os
import sys
import time
from pathlib import Path

import pulumi
from pulumi import dynamic

CLOUD = Path(os.environ["THINGS"])


def journal(word, props):
    with (CLOUD / "journal").open("a") as file:
        name = props["name"] if isinstance(props.get("name"), str) else "?"
        file.write(json.dumps({"call": word, "name": name}) + "\\n")


def stop_half_way(id_, props):
    from google.protobuf import any_pb2, struct_pb2
    from pulumi.runtime.proto import provider_pb2, status_pb2

    properties = struct_pb2.Struct()
    properties.update(props)
    detail = any_pb2.Any()
    reasons = ["it is not ready", "nor will it be\\nsoon"]
    detail.Pack(provider_pb2.ErrorResourceInitFailed(id=id_, properties=properties, reasons=reasons))
    status = status_pb2.Status(code=2, message="half-way", details=[detail]).SerializeToString()
    frame = sys._getframe()
    while "context" not in frame.f_locals:
        frame = frame.f_back
    frame.f_locals["context"].set_trailing_metadata((("grpc-status-details-bin", status),))
    raise RuntimeError("half-way")


def act(word, id_, props):
    journal(word, props)
    time.sleep(props.get("seconds", 0))
    if props.get("fails") == word:
        raise RuntimeError(f"{props['name']} does not want to\\nnot at all")
    if props.get("dies") == word:
        os._exit(7)
    if word != "read":
        (CLOUD / id_).write_text(json.dumps(props))
    if props.get("half") == word:
        stop_half_way(id_, props)


class ThingProvider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def check(self, olds, news):
        return dynamic.CheckResult(dict(news), [])

    def diff(self, id_, olds, news):
        keys = [key for key in {**olds, **news} if key != "made" and olds.get(key) != news.get(key)]
        replaces = [key for key in keys if key == "kind"]
        return dynamic.DiffResult(bool(keys), replaces, delete_before_replace=bool(news.get("alone")))

    def create(self, props):
        id_ = f"{props['name']}-{props.get('kind', 'plain')}"
        act("create", id_, props)
        return dynamic.CreateResult(id_, {**props, "made": f"made as {id_}"})

    def update(self, id_, olds, news):
        act("update", id_, news)
        return dynamic.UpdateResult({**news, "made": olds.get("made", "later")})

    def read(self, id_, props):
        act("read", id_, props)
        if not (CLOUD / id_).exists():
            return dynamic.ReadResult("", {})
        found = json.loads((CLOUD / id_).read_text())
        inputs = {key: value for key, value in found.items() if key != "__provider"}
        return dynamic.ReadResult(id_, {**inputs, "made": props.get("made")}, inputs)

    def delete(self, id_, props):
        journal("delete", props)
        (CLOUD / id_).unlink()


class Thing(dynamic.Resource, module="tests", name="Thing"):
    made: pulumi.Output[str]
    size: pulumi.Output[int]
    word: pulumi.Output[str]

    def __init__(self, name, opts=None, **props):
        declared = {"made": None, "size": None, "word": None, "name": name, **props}
        super().__init__(ThingProvider(), name, declared, opts)


class Box(pulumi.ComponentResource):
    def __init__(self, name, size, opts=None):
        super().__init__("tests:index:Box", name, None, opts)
        self.inner = Thing(f"{name}-inner", pulumi.ResourceOptions(parent=self), size=size)
        self.size = self.inner.size
        self.register_outputs({"size": self.inner.size})
"""


class _NoEmulator:
    url = "http://127.0.0.1:9"


class Things(Stack):
    """A stack of things in a temporary folder."""

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder, kind, _NoEmulator())  # type: ignore[arg-type]
        self.cloud = folder / "cloud"
        self.cloud.mkdir()
        self.environment["THINGS"] = str(self.cloud)
        (folder / "things.py").write_text(_SOURCE)

    def declare(self, *lines: str) -> None:
        """Write the program: these lines after the imports."""
        imports = ("import pulumi", "from pulumi import ResourceOptions", "from things import *")
        self.program("\n".join([*imports, *lines, ""]))

    def calls(self, word: str = "") -> list[dict[str, Any]]:
        """Return the provider's calls since the last time, by the call's name where one is given."""
        journal = self.cloud / "journal"
        lines = journal.read_text().splitlines() if journal.exists() else []
        journal.unlink(missing_ok=True)
        calls: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [call for call in calls if word in ("", call["call"])]

    def until(self, word: str) -> None:
        """Return once the provider was called since the last time."""
        journal = self.cloud / "journal"
        until(lambda: journal.exists() and f'"call": "{word}"' in journal.read_text())

    def names(self, word: str) -> list[str]:
        """Return the names of the things a provider's method was called for since the last time."""
        return [call["name"] for call in self.calls(word)]
