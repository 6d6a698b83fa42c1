import pytest

from baseten_pulumi.testing.emulator.authorization import admitted_key
from baseten_pulumi.testing.emulator.refusals import RefusalError


def _status(header: str | None, allowed_key: str | None = None) -> int:
    with pytest.raises(RefusalError) as caught:
        admitted_key(header, allowed_key)
    return caught.value.status


@pytest.mark.parametrize("header", ["Api-Key k1", "api-key k1", "Bearer k1"])
def test_any_key_is_let_in_when_none_is_named(header: str) -> None:
    """Both schemes are known, in any case."""
    assert admitted_key(header, None) == "k1"


@pytest.mark.parametrize("header", [None, "", "Api-Key", "Api-Key ", "Api-Key  ", "k1", "Basic k1"])
def test_a_request_is_unauthorized_when_it_carries_no_key(header: str | None) -> None:
    """Missing, empty and malformed are the same."""
    assert _status(header) == 401


def test_a_key_is_forbidden_when_another_is_named() -> None:
    """Only the named key is let in."""
    assert admitted_key("Api-Key k1", "k1") == "k1"
    assert _status("Api-Key k2", "k1") == 403
