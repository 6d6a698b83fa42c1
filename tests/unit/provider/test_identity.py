import pytest

from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.provider.identity import Identity


def test_id_is_model_and_environment_when_written() -> None:
    """`model_id/env_name`, for ever."""
    assert str(Identity("abc123", "production")) == "abc123/production"


@pytest.mark.parametrize("text", ["abc123/production", "A_b-1/0", "-/a-b"])
def test_id_survives_when_written_and_read(text: str) -> None:
    """Reading is the opposite of writing."""
    assert str(Identity.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "abc123",
        "abc123/",
        "/production",
        "abc123/production/x",
        "abc123//production",
        "abc123/Production",
        "abc123/production\n",
        " abc123/production",
        "../production",
        "a%2fb/production",
        "äbc/production",
        "abc123\\production",
    ],
)
def test_id_is_refused_when_it_has_another_form(text: str) -> None:
    """What a program looks up by id is judged before it becomes a path."""
    with pytest.raises(ConfigurationError):
        Identity.parse(text)


def test_text_is_whole_when_an_id_is_refused() -> None:
    """The id and the form it should have."""
    with pytest.raises(ConfigurationError) as caught:
        Identity.parse("abc123")
    assert str(caught.value) == (
        "The environment could not be looked up.\n"
        'The id "abc123" does not have the form model_id/env_name. Nothing was sent.\n'
        'Write it like "abc123/production".'
    )
