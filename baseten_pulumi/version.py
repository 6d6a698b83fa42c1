"""The release that is installed."""

from importlib import metadata


def version() -> str:
    """Return the package's version, such as 0.1.0; "unreleased" for a copy inside somebody's own tree."""
    try:
        return metadata.version("baseten-pulumi")
    except metadata.PackageNotFoundError:
        return "unreleased"
