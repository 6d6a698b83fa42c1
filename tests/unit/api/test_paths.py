import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.api import paths
from baseten_pulumi.errors import ConfigurationError


def test_path_is_the_apis_when_names_are_plain() -> None:
    """The addresses of Baseten's API."""
    assert paths.environments("abc123") == "/v1/models/abc123/environments"
    assert paths.environment("abc123", "production") == "/v1/models/abc123/environments/production"


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
def test_name_is_refused_when_it_cannot_stand_in_a_path(name: str) -> None:
    """A step up the path would reach another address; nothing is sent."""
    for names in (("abc123", name), (name, "production")):
        with pytest.raises(ConfigurationError) as caught:
            paths.environment(*names)
        assert str(caught.value) == (
            "Baseten could not be asked.\n"
            f"{name!a} cannot be the id of a model or the name of an environment. Nothing was sent.\n"
            "Correct model_id and env_name."
        )


@given(st.text(), st.text())
def test_name_keeps_to_its_segment_when_it_is_anything(model_id: str, env_name: str) -> None:
    """The path has five segments, none of them a step, and nothing a server or the HTTP library reads otherwise."""
    try:
        path = paths.environment(model_id, env_name)
    except ConfigurationError:
        return
    segments = path.split("/")
    assert (len(segments), segments[:3], segments[4]) == (6, ["", "v1", "models"], "environments")
    assert not {"", ".", ".."} & set(segments[1:])
    assert path.isascii()
    assert not set(path) & set("?#\\;\r\n\0 ")
