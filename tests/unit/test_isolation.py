import os
import sys
from pathlib import Path

import pytest

from tests.isolation import isolated_environment

HERE = "http://127.0.0.1:8095"


def test_nothing_of_the_users_is_passed_on_when_a_process_is_isolated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key, address, proxies and everything of Pulumi's are the folder's own or absent; the rest is as it is."""
    for name in ("BASETEN_API_KEY", "BASETEN_BASE_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_HOME", "https_proxy"):
        monkeypatch.setenv(name, "the-users-own")
    monkeypatch.setenv("LANGUAGE", "of the user")
    found = isolated_environment(tmp_path, HERE, "k-4711")
    assert "the-users-own" not in found.values()
    assert (found["BASETEN_BASE_URL"], found["BASETEN_API_KEY"]) == (HERE, "k-4711")
    assert Path(found["PULUMI_HOME"]).parent == tmp_path
    assert found["PULUMI_BACKEND_URL"] == (tmp_path / "state").as_uri()
    assert (tmp_path / "state").is_dir()
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert found["LANGUAGE"] == "of the user"


@pytest.mark.parametrize("url", ["https://api.baseten.co", "http://10.0.0.1:8095", "http://127.0.0.1.example.com", ""])
def test_process_is_refused_when_baseten_would_not_be_on_this_machine(tmp_path: Path, url: str) -> None:
    """An emulator is; whatever else answers there might be an account."""
    with pytest.raises(ValueError, match="must be on this machine"):
        isolated_environment(tmp_path, url)
