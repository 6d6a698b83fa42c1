import pytest

from baseten_pulumi.api.models import Model
from baseten_pulumi.api.naming import meant, named, whose
from baseten_pulumi.errors import AmbiguousModelError, ModelNotFoundError

CHAT, WHISPER = Model("lm4chat8", "llama-chat", "serving"), Model("wh5pr3v1", "whisper")
TWIN, NAMELESS = Model("lm4chat9", "llama-chat", "research"), Model("n0name")
WORKSPACE = "check that the API key belongs to the workspace of the model."


def test_model_is_found_when_one_has_the_name() -> None:
    """The whole name counts."""
    assert named("llama-chat", [WHISPER, CHAT, NAMELESS]) is CHAT


@pytest.mark.parametrize("name", ["lama-chat", "LLaMA-Chat", "llama_chat"])
def test_near_names_are_offered_when_no_model_has_the_name(name: str) -> None:
    """A name mistyped, or in other letters, is no name; what it may have been stands with its id and team."""
    with pytest.raises(ModelNotFoundError) as caught:
        named(name, [CHAT, WHISPER, NAMELESS])
    assert str(caught.value) == (
        f'Model "{name}" could not be looked up.\n'
        'None of 3 models has that name; near it: "llama-chat" (lm4chat8, serving).\n'
        f"Correct the name, or {WORKSPACE}"
    )


@pytest.mark.parametrize(
    ("models", "seen"),
    [
        ([], "This API key sees no models."),
        ([WHISPER], "The account's one model does not have that name."),
        ([WHISPER, NAMELESS], "None of 2 models has that name."),
    ],
)
def test_error_says_how_many_there_are_when_nothing_is_near(models: list[Model], seen: str) -> None:
    """An empty account is another thing than a name that is not in it."""
    with pytest.raises(ModelNotFoundError) as caught:
        named("llama-chat", models)
    assert caught.value.statements.seen == seen


def test_ids_are_listed_when_several_models_have_the_name() -> None:
    """Names are unique only within a team."""
    with pytest.raises(AmbiguousModelError) as caught:
        named("llama-chat", [CHAT, WHISPER, TWIN])
    assert str(caught.value) == (
        'Model "llama-chat" could not be looked up.\n'
        '2 models have that name: "llama-chat" (lm4chat8, serving), "llama-chat" (lm4chat9, research).\n'
        f"Give its id instead, or {WORKSPACE}"
    )


def test_list_is_cut_when_very_many_models_have_the_name() -> None:
    """An error fits a screen."""
    with pytest.raises(AmbiguousModelError) as caught:
        named("m", [Model(f"id{number}", "m") for number in range(9)])
    assert caught.value.statements.seen == (
        '9 models have that name: "m" (id0), "m" (id1), "m" (id2), "m" (id3), "m" (id4), ….'
    )


def test_id_comes_first_when_either_may_be_meant() -> None:
    """An id names one model, whatever others are called."""
    confusing = Model("xyz", "lm4chat8")
    assert meant("lm4chat8", [confusing, CHAT]) is CHAT
    assert meant("whisper", [confusing, WHISPER]) is WHISPER
    with pytest.raises(ModelNotFoundError):
        meant("nosuch", [CHAT])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("whisper", '"whisper" is the name of a model; its id is wh5pr3v1.'),
        ("m", '"m" is the name of 2 models: "m" (id1, serving), "m" (id2).'),
        ("lama-chat", ""),
    ],
)
def test_model_is_told_when_its_name_was_given_for_an_id(name: str, said: str) -> None:
    """Nothing is guessed: only the very name counts."""
    assert whose(name, [CHAT, WHISPER, NAMELESS, Model("id1", "m", "serving"), Model("id2", "m")]) == said
