"""What is read from Baseten, and the errors if that fails."""

import re
from collections.abc import Callable

import pytest

from baseten_pulumi.cli import account
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
    exported = run("export", "--model", MODEL, "--env", "staging")
    assert re.findall(r'env_name="(.*)"', exported) == ["staging"]


def test_a_request_is_repeated_when_its_error_is_transient(emulator: Emulator, run: Callable[..., str]) -> None:
    """Each of the requests by itself."""
    emulator.faults.add(Fault.status(503, times=1, path="models$"))
    emulator.faults.add(Fault.status(503, times=1, path="environments$"))
    assert run("export", "--model", MODEL)


@pytest.mark.parametrize("command", ["export", "status"])
@pytest.mark.parametrize(
    ("arguments", "observed"),
    [
        (["lama-chat"], 'similar names: "llama-chat" (lm4chat8, Fictional).\nCorrect the name, or'),
        (["embeddings"], '2 models have that name: "embeddings" (emb3d9x2, Fictional), "embeddings" (tw1n0001, '),
        (
            [MODEL, "--env", "canary"],
            (
                f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.\n'
                "Correct --env, or leave it out to get every environment.\n"
            ),
        ),
    ],
)
def test_error_lists_what_exists_when_nothing_is_found(
    command: str, arguments: list[str], observed: str, emulator: Emulator, run: Callable[..., str]
) -> None:
    """Similar names, the ids of several models of one name, the environments of the model."""
    emulator.add_model("tw1n0001", "embeddings")
    assert observed in run(command, "--model", *arguments, status=1)


# With this header an error is not retried within a minute.
_LATER = {"Retry-After": "60"}


@pytest.mark.parametrize(
    ("fault", "observed"),
    [
        (Fault.status(401, {"message": f"no key {KEY}"}), "returned 401 for GET /v1/models: no key [redacted]"),
        (Fault.status(408, headers=_LATER), "returned 408"),
        (Fault.status(308), "returned 308"),
    ],
    ids=lambda it: None if isinstance(it, Fault) else "",
)
def test_error_is_shown_in_full_when_a_request_fails(
    fault: Fault, observed: str, emulator: Emulator, run: Callable[..., str]
) -> None:
    """Every error says what to do, with the variables that a command reads."""
    emulator.faults.add(fault)
    text = run("status", "--model", MODEL, status=1)
    assert text.startswith("The models of the account could not be read.\n")
    assert observed in text
    assert "BASETEN_" in text.splitlines()[-1]


def test_error_names_the_address_when_there_is_no_connection(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is retried until the timeout."""
    monkeypatch.setattr(account, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setenv("BASETEN_API_KEY", KEY)
    with Emulator() as emulator:
        monkeypatch.setenv("BASETEN_BASE_URL", emulator.url)
    text = run("status", "--model", MODEL, status=1)
    assert "GET /v1/models could not connect to http://127.0.0.1:" in text
    assert text.endswith("baseten:baseUrl or BASETEN_BASE_URL.\n")


def test_error_names_the_variable_when_there_is_no_key(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank key is none."""
    monkeypatch.setenv("BASETEN_API_KEY", " ")
    assert run("export", "--model", MODEL, status=1) == (
        "Baseten cannot be reached without an API key.\n"
        "BASETEN_API_KEY is not set. Nothing was sent.\n"
        "Set BASETEN_API_KEY. Create keys at https://app.baseten.co/settings/api_keys.\n"
    )


def test_error_names_the_variable_when_the_base_url_is_malformed(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch `baseten:allowHttp` is not offered, since a command has no stack configuration."""
    monkeypatch.setenv("BASETEN_API_KEY", KEY)
    monkeypatch.setenv("BASETEN_BASE_URL", "http://example.com")
    assert run("export", "--model", MODEL, status=1) == (
        "Baseten cannot be reached.\n"
        "BASETEN_BASE_URL must use https unless the host is this machine. Nothing was sent.\n"
        "Correct BASETEN_API_KEY or BASETEN_BASE_URL (by default https://api.baseten.co).\n"
    )
