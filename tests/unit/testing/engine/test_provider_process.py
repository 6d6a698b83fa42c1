"""The provider process before and after its life; its calls are tested where whole programs run."""

from pathlib import Path

import pytest

from baseten_pulumi.testing.engine.failures import ProviderError
from baseten_pulumi.testing.engine.provider_process import Launch, Provider


def test_nothing_is_started_when_the_provider_was_stopped(tmp_path: Path) -> None:
    """A cancelled run starts no process any more; stopping and cancelling one that never was does nothing."""
    provider = Provider(Launch(tmp_path, {}, "127.0.0.1:1", {}, print))
    provider.cancel()
    provider.stop()
    with pytest.raises(ProviderError, match="The provider was stopped"):
        provider.start()
