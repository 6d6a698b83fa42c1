import subprocess
import sys

import pytest

_PROGRAM = """
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
        return None


sys.meta_path.insert(0, Missing())
import baseten_pulumi.testing
try:
    baseten_pulumi.testing.Emulator
except ImportError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("package", "told"),
    [
        ("starlette", 'ImportError The emulator needs two more packages: pip install "baseten-pulumi[testing]"'),
        ("uvicorn", 'ImportError The emulator needs two more packages: pip install "baseten-pulumi[testing]"'),
        ("anyio", "ModuleNotFoundError No module named 'anyio'"),
    ],
)
def test_what_to_install_is_told_when_the_emulators_packages_are_missing(package: str, told: str) -> None:
    """The packages of the `testing` extra are named by it; anything else that is missing is told as it is."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(package=package)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == told
