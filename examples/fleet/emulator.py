"""Serve an emulator of Baseten with the models of `fleet.yaml`, so that the example runs without an account.

`python examples/fleet/emulator.py` in one terminal; in another, in this folder: `BASETEN_API_KEY=any pulumi up`.
"""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import yaml

from baseten_pulumi.testing import Emulator, FictionalEnvironment, FictionalModel


def account() -> Iterator[FictionalModel]:
    """Yield every model of the file, each environment with Baseten's defaults."""
    fleet = yaml.safe_load(Path(__file__).with_name("fleet.yaml").read_text())
    for name, model in fleet.items():
        yield FictionalModel(model["id"], name, tuple(FictionalEnvironment(each) for each in model["environments"]))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), Emulator(port=8095, apply_seconds=3, account=account()) as emulator:
        print(f"{len(emulator.models())} models on {emulator.url}; press Ctrl-C to stop")
        threading.Event().wait()
