import pytest

from baseten_pulumi.testing.emulator.recording import masked


@pytest.mark.parametrize(
    ("value", "shown"),
    [(b"Api-Key s3cret", "Api-Key ***"), (b"Bearer s3cret", "Bearer ***"), (b"s3cret", "***"), (b"", "***")],
)
def test_the_key_is_masked_when_headers_are_recorded(value: bytes, shown: str) -> None:
    """Whatever stands in the header, at most its scheme is shown."""
    assert masked([(b"Authorization", value), (b"Accept", b"*/*")]) == {"authorization": shown, "accept": "*/*"}


def test_a_proxys_key_is_masked_when_there_is_one() -> None:
    """Credentials for somebody else are none of ours to keep."""
    assert masked([(b"proxy-authorization", b"Basic abc=")]) == {"proxy-authorization": "Basic ***"}
