"""Add links to the metadata of a release; the repository's address is in `pyproject.toml` alone.

PyPI shows README.md without the repository around it, so its relative links become absolute ones there.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE_LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?!https?://|#)([^)\s]+)")


class CustomMetadataHook(MetadataHookInterface):
    """What hatchling calls when it builds or installs the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add `readme` and `urls`."""
        readme, address = Path(self.root, "README.md").read_text(encoding="utf-8"), self.config["repository"]
        tree = f"v{metadata['version']}"
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute_links(readme, address, tree)}
        metadata["urls"] = urls(address, tree)


def absolute_links(readme: str, address: str, tree: str) -> str:
    """Return the text with links to files of one version of the repository; unchanged without an address."""
    if not address:
        return readme
    return _RELATIVE_LINK.sub(
        lambda link: f"{link[1]}{link[2]}{address}/{'raw' if link[1] else 'blob'}/{tree}/{link[3]}", readme
    )


def urls(address: str, tree: str) -> dict[str, str]:
    """Return the links beside the description; none without an address."""
    if not address:
        return {}
    return {
        "Repository": address,
        "Documentation": f"{address}/blob/{tree}/docs/index.md",
        "Changelog": f"{address}/blob/{tree}/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }
