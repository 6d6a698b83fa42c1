import sys

import pytest

from baseten_pulumi import testing

EXTRA = 'The emulator needs two more packages: pip install "baseten-pulumi[testing]"'


@pytest.mark.parametrize(
    ("package", "kind", "text"),
    [
        *((package, ImportError, EXTRA) for package in ("fastapi", "starlette", "uvicorn")),
        ("pydantic", ModuleNotFoundError, "import of pydantic halted"),
    ],
)
def test_what_to_install_is_named_when_the_emulators_packages_are_missing(
    package: str, kind: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages of the `testing` extra are named by it; the error of any other one is left as it is."""
    for name in [name for name in sys.modules if name.startswith("baseten_pulumi.testing.emulator")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError) as caught:
        _ = testing.Emulator
    assert type(caught.value) is kind
    assert str(caught.value).startswith(text)
