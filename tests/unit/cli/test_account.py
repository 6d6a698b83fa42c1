"""What is read from Baseten, and the errors if that fails."""

import re
from collections.abc import Callable

import pytest

from baseten_pulumi.cli import main
from baseten_pulumi.testing import Emulator, Fault
from tests.unit.cli.conftest import KEY

MODEL = "lm4chat8"


@pytest.mark.parametrize("model", [MODEL, "llama-chat"])
def test_model_is_found_when_its_id_or_name_is_given(model: str, emulator: Emulator, run: Callable[..., str]) -> None:
    """An id comes first, so that a model can always be named without ambiguity."""
    emulator.add_model("other000", MODEL)
    assert run("status", "--model", model).startswith("Model llama-chat (lm4chat8)\n")


def test_only_some_environments_are_read_when_they_are_named(emulator: Emulator, run: Callable[..., str]) -> None:
    """Sorted by name, whatever their order on the command line."""
    text = run("status", "--model", MODEL, "--env", "staging", "--env", "dev", "--env", "staging")
    assert text.splitlines()[1].split() == ["setting", "dev", "staging"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["embeddings", "llama-chat", "of-another-team", "whisper-transcribe"]),  # sorted by name
        (
            ["--model", "whisper-transcribe", "--model", MODEL, "--model", "llama-chat"],
            ["whisper-transcribe", "llama-chat"],
        ),
        (["--team", "Other"], ["of-another-team"]),
        (["--env", "preview"], ["of-another-team"]),  # the only one that has it
    ],
)
def test_several_models_are_read_when_they_are_chosen(
    arguments: list[str], names: list[str], emulator: Emulator, run: Callable[..., str]
) -> None:
    """All of them by default; each once, however often it is named."""
    emulator.add_model("t3am0001", "of-another-team", ("preview",))
    listed = [{**it, "team_name": "Other"} if it["id"] == "t3am0001" else it for it in emulator.models()]
    emulator.faults.add(Fault.body({"models": listed}, path="/models$"))
    assert re.findall(r"^Model (.*) \(", run("status", *arguments), re.MULTILINE) == names
    assert len(emulator.requests) == 1 + (4 if "--env" in arguments else len(names))


def test_models_are_read_at_the_same_time_when_there_are_several(emulator: Emulator, run: Callable[..., str]) -> None:
    emulator.faults.add(Fault.delay(1.0, path="/environments$", times=None))
    assert run("status")
    first, second, _ = emulator.requests[1:]
    assert max(first.at_seconds, second.at_seconds) < min(first.answered_at_seconds, second.answered_at_seconds)


def test_a_request_is_repeated_when_its_error_is_transient(emulator: Emulator, run: Callable[..., str]) -> None:
    emulator.faults.add(Fault.status(503, times=1, path="models$"))
    emulator.faults.add(Fault.status(503, times=1, path="environments$"))
    assert run("export", "--model", MODEL)


@pytest.mark.parametrize(
    ("command", "others", "unreadable"),
    [
        (["status"], "Model whisper-transcribe (", "Model llama-chat (lm4chat8)\n{}\n\n"),
        (["status", "--json"], '"env_name": "dev"', '"team_name": "Fictional",\n      "environments": null\n'),
        (
            ["export"],
            'BasetenModelEnvironments(\n    "whisper-transcribe",\n',
            "\n# Model llama-chat (lm4chat8): its environments cannot be read.\n#   {}\n",
        ),
        (
            ["export", "--env", "production", "--stack-config"],
            "\n    whisper-transcribe:\n      model_id: ",
            "\n    # Model llama-chat (lm4chat8): its environments cannot be read.\n    #   {}\n",
        ),
    ],
    ids=["tables", "JSON", "program", "configuration"],
)
def test_the_other_models_are_printed_when_one_cannot_be_read(
    command: list[str], others: str, unreadable: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is there in its place, and on standard error with what to do; the exit status is 1."""
    emulator.faults.add(Fault.status(403, {"message": f"not\nfor {KEY}"}, path=f"/{MODEL}/environments$"))
    assert main(command) == 1
    printed = capsys.readouterr()
    failed, reason, *_ = printed.err.splitlines()
    assert failed == f'The environments of model "{MODEL}" could not be read.'
    assert reason.startswith(f"Baseten returned 403 for GET /v1/models/{MODEL}/environments: not for [redacted]")
    assert others in printed.out
    assert unreadable.format(reason) in printed.out
    assert KEY not in printed.out + printed.err


@pytest.mark.parametrize("arguments", [["--model", MODEL, "--model", "embeddings"], ["--env", "canary"]])
def test_nothing_is_printed_when_what_was_asked_for_cannot_be_read(
    arguments: list[str], emulator: Emulator, run: Callable[..., str]
) -> None:
    """That no model has the environment is not known."""
    emulator.faults.add(Fault.status(403, path=f"/{MODEL}/environments$"))
    assert run("export", *arguments, status=1).startswith(f'The environments of model "{MODEL}" could not be read.\n')


@pytest.mark.parametrize(
    ("arguments", "observed"),
    [
        (["lama-chat"], 'similar names: "llama-chat" (lm4chat8, Fictional).\nCorrect the name, or'),
        (["embeddings"], '2 models have that name: "embeddings" (emb3d9x2, Fictional), "embeddings" (tw1n0001, '),
        (
            [MODEL, "--env", "canary"],
            (
                'Environment "canary" does not exist.\n'
                f"llama-chat ({MODEL}) has dev, production, staging.\n"
                "Correct --env, or leave it out to get every environment.\n"
            ),
        ),
        (
            [MODEL, "--model", "emb3d9x2", "--env", "dev", "--env", "canary"],
            'Environment "canary" does not exist.\nThe 2 models have dev, production, staging.\n',
        ),
        (["llama-chat", "--team", "Real"], 'can see "llama-chat" (lm4chat8, Fictional).\nCorrect the team, or'),
    ],
)
def test_error_lists_what_exists_when_nothing_is_found(
    arguments: list[str], observed: str, emulator: Emulator, run: Callable[..., str]
) -> None:
    emulator.add_model("tw1n0001", "embeddings")
    assert observed in run("status", "--model", *arguments, status=1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--team", "Three"],
            'Models of team "Three" could not be listed.\nThis API key can see no models.\nCorrect the team, or check',
        ),
        ([], "The models of the account could not be listed.\nThis API key can see none.\nCheck"),
    ],
)
def test_command_fails_when_there_are_no_models(
    arguments: list[str], error: str, emulator: Emulator, run: Callable[..., str]
) -> None:
    emulator.faults.add(Fault.body({"models": []}, path="/models$"))
    assert run("status", *arguments, status=1) == f"{error} that the API key belongs to the models' workspace.\n"


@pytest.mark.parametrize(
    ("fault", "observed"),
    [
        (Fault.status(401, {"message": f"no key {KEY}"}), "returned 401 for GET /v1/models: no key [redacted]"),
        (Fault.status(408, headers={"Retry-After": "60"}), "returned 408"),  # not retried within a minute
    ],
    ids=["401", "408"],
)
def test_error_is_shown_in_full_when_a_request_fails(
    fault: Fault, observed: str, emulator: Emulator, run: Callable[..., str]
) -> None:
    emulator.faults.add(fault)
    text = run("status", "--model", MODEL, status=1)
    assert text.startswith("The models of the account could not be read.\n")
    assert observed in text
    assert "BASETEN_" in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("key", "url", "error"),
    [
        (
            *(" ", "https://api.baseten.co"),  # a blank key is none
            (
                "Baseten cannot be reached without an API key.\n"
                "BASETEN_API_KEY is not set. Nothing was sent.\n"
                "Set BASETEN_API_KEY. Create keys at https://app.baseten.co/settings/api_keys.\n"
            ),
        ),
        (
            *(KEY, "http://example.com"),  # `baseten:allowHttp` is not offered: a command has no stack configuration
            (
                "Baseten cannot be reached.\n"
                "BASETEN_BASE_URL must use https unless the host is this machine. Nothing was sent.\n"
                "Correct BASETEN_API_KEY or BASETEN_BASE_URL (by default https://api.baseten.co).\n"
            ),
        ),
    ],
    ids=["no key", "malformed base URL"],
)
def test_error_names_the_variable_when_it_cannot_be_used(
    key: str, url: str, error: str, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASETEN_API_KEY", key)
    monkeypatch.setenv("BASETEN_BASE_URL", url)
    assert run("export", "--model", MODEL, status=1) == error
