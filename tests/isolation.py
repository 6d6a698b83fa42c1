"""Runs of the Pulumi CLI that neither read nor touch anything of the user's."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

# Measuring coverage in an engine's processes costs more than running them.
_NEVER_PASSED_ON = ("COVERAGE_", "BASETEN_", "PULUMI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def isolated_environment(folder: Path, base_url: str, api_key: str = "any") -> dict[str, str]:
    """Return environment variables for a process: home, state and passphrase are the folder's own, Baseten an emulator.

    The rest is this process's; its interpreter comes first on PATH, where the Pulumi CLI looks for one.

    Args:
        folder: An existing folder; one for the state is made in it.
        base_url: Where the emulator serves.
        api_key: The key to send there.

    Raises:
        ValueError: the base URL is not on this machine.
    """
    if urlsplit(base_url).hostname != "127.0.0.1":
        raise ValueError(f"the base URL must be on this machine, got {base_url}")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_NEVER_PASSED_ON)}
    own = {"BASETEN_BASE_URL": base_url, "BASETEN_API_KEY": api_key}
    return {**kept, **pulumi_variables(folder), **own}


def pulumi_variables(folder: Path) -> dict[str, str]:
    """Return the variables that give a Pulumi CLI a home, a state and a passphrase in a folder.

    This process's interpreter comes first on PATH, where the CLI looks for one.
    """
    state = folder / "state"
    state.mkdir(exist_ok=True)
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "isolated",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
