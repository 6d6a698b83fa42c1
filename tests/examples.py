"""The examples of the repository, put where a test can run them."""

import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def put(name: str, folder: Path, url: str) -> None:
    """Copy an example; only its interpreter and Baseten's address become the test's own.

    Args:
        name: The example's folder; "" is the repository itself, whose program is the quickstart.
        folder: Where to put it; nothing happens where it is already.
        url: Where Baseten is.
    """
    if (folder / "Pulumi.yaml").exists():
        return
    source = EXAMPLES / name if name else ROOT
    for path in source.glob("*.yaml") if not name else source.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    project = yaml.safe_load((source / "Pulumi.yaml").read_text())
    if "main" in project:
        shutil.copytree(source / project["main"], folder / project["main"], ignore=shutil.ignore_patterns(".venv"))
    if name:
        project["runtime"] = "python"
    if "baseten:baseUrl" in project["config"]:
        project["config"]["baseten:baseUrl"]["value"] = url
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
