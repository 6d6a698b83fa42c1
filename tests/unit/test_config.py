from collections.abc import Mapping
from typing import Any

import pytest

from baseten_pulumi.config import Config, Endpoint
from baseten_pulumi.errors import ConfigurationError, MissingApiKeyError
from tests.key_scan import holds, told

BASETEN = "https://api.baseten.co"


def _config(stack: Mapping[str, Any] | None = None, **environ: str) -> Config:
    return Config((stack or {}).get, {"BASETEN_API_KEY": "k", **environ})


def _failure(config: Config) -> str:
    """Return the two lines of an error that differ: what was observed, and what to do."""
    with pytest.raises(ConfigurationError) as caught:
        config.endpoint()
    failed, differing = str(caught.value).split("\n", 1)
    assert failed == "Baseten cannot be reached."
    return differing


@pytest.mark.parametrize(
    ("stack", "environ", "endpoint"),
    [
        ({"baseten:apiKey": "of-stack"}, {"BASETEN_API_KEY": "of-environ"}, Endpoint(BASETEN, "of-stack")),
        ({"baseten:apiKey": "  padded\n"}, {}, Endpoint(BASETEN, "padded")),
        ({"baseten:apiKey": " \n"}, {"BASETEN_API_KEY": "\tof-environ "}, Endpoint(BASETEN, "of-environ")),
        ({"apiKey": "no", "project:apiKey": "no"}, {}, Endpoint(BASETEN, "k")),
        (
            {"baseten:baseUrl": " https://a.example/ "},
            {"BASETEN_BASE_URL": "https://b.example"},
            Endpoint("https://a.example", "k"),
        ),
        ({"baseten:baseUrl": "  "}, {"BASETEN_BASE_URL": "https://b.example"}, Endpoint("https://b.example", "k")),
    ],
)
def test_stack_comes_before_the_environment_when_both_are_set(
    stack: dict[str, Any], environ: dict[str, str], endpoint: Endpoint
) -> None:
    """White space around a value is a slip, white space alone is no value, and a slash at the end is dropped."""
    assert _config(stack, **environ).endpoint() == endpoint


def test_key_is_missing_when_none_is_set() -> None:
    with pytest.raises(MissingApiKeyError) as caught:
        _config({"baseten:apiKey": ""}, BASETEN_API_KEY=" ").endpoint()
    assert str(caught.value) == (
        "Baseten cannot be reached without an API key.\n"
        "Neither baseten:apiKey nor BASETEN_API_KEY is set. Nothing was sent.\n"
        "Run `pulumi config set --secret baseten:apiKey KEY`, or set BASETEN_API_KEY. "
        "Create keys at https://app.baseten.co/settings/api_keys."
    )


@pytest.mark.parametrize("key", ["two words", "two\nlines", "tab\tbed", "schlüssel", "null\0byte", "del\x7f"])
def test_key_is_refused_and_not_shown_when_it_cannot_be_a_header(key: str) -> None:
    """The frames of the error do not hold it either."""
    with pytest.raises(ConfigurationError) as caught:
        _config({"baseten:apiKey": key}).api_key()
    assert str(caught.value) == (
        "Baseten cannot be reached.\n"
        "The API key contains characters that an API key cannot contain. Nothing was sent.\n"
        "Copy it again, as a single line."
    )
    assert not holds(told(caught.value), key)


def test_key_is_not_shown_when_a_configuration_is_printed() -> None:
    config = _config({"baseten:apiKey": "k"})
    assert (repr(config), repr(config.endpoint())) == ("Config()", f"Endpoint(base_url='{BASETEN}')")


def test_variables_are_read_late_when_they_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """When they are needed, not when the provider starts."""
    config = Config(lambda key: None)
    monkeypatch.setenv("BASETEN_API_KEY", "later")
    assert config.api_key() == "later"


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/baseten/proxy",
        "HTTPS://A.Example",
        "https://[2001:db8::1]:8443",
        "http://localhost:8095",
        "http://127.9.9.9",
        "http://[::1]:8095",
    ],
)
def test_base_url_is_accepted_when_it_is_https_or_this_machine(url: str) -> None:
    assert _config({"baseten:baseUrl": url}).base_url() == url


@pytest.mark.parametrize("allowed", [None, "false", "true"])
@pytest.mark.parametrize(
    "url", ["http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://0.0.0.0:8095", "ftp://localhost"]
)
def test_base_url_is_refused_when_the_key_would_be_sent_unencrypted(url: str, allowed: str | None) -> None:
    """Unless the stack allows http, for an emulator in another container; never another scheme."""
    config = _config({"baseten:baseUrl": url, "baseten:allowHttp": allowed})
    if allowed == "true" and url.startswith("http"):
        assert config.base_url() == url
    else:
        assert _failure(config) == (
            "baseten:baseUrl must use https unless the host is this machine. Nothing was sent.\n"
            "Use https://, or set baseten:allowHttp to true for an emulator on another host."
        )


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "https://:8443",
        "https://user:word@a.example",
        "http://localhost:8095@evil.com",
        "http://localhost\\@evil.com",
        "https://a.example?",
        "https://a.example#x",
        "https://a.example:99999",
        "https://[::1",
        "https://a.exa\nmple",
        "https://a.example/%2e%2e",
    ],
)
def test_base_url_is_refused_when_it_is_not_just_a_host_and_a_path(url: str) -> None:
    """No credentials, query or fragment, and nothing that two parsers could read differently; it is not quoted."""
    assert _failure(_config({"baseten:baseUrl": url, "baseten:allowHttp": "true"})) == (
        "baseten:baseUrl must be a URL with only a scheme, a host and a path. Nothing was sent.\n"
        "Use a URL like https://api.baseten.co."
    )


def test_base_url_is_refused_when_it_ends_in_the_version() -> None:
    """Every request adds it; the text names where the URL was set."""
    assert _failure(_config({"baseten:baseUrl": " "}, BASETEN_BASE_URL="https://a.example/v1/")) == (
        "BASETEN_BASE_URL must not end in /v1, which every request adds. Nothing was sent.\nUse https://api.baseten.co."
    )


@pytest.mark.parametrize(
    ("value", "is_on"),
    [(None, False), ("", False), (" TRUE ", True), (True, True), ("False", False), (False, False)],
)
def test_switch_is_on_when_the_stack_says_true(value: object, is_on: bool) -> None:
    """Values arrive as text, and the text "false" is truthy. The stack can only skip waits, not add them."""
    config = _config({"baseten:skipWait": value, "baseten:previewReads": value})
    assert config.reads_in_previews() is is_on
    assert [config.waits(wait) for wait in (None, True, False)] == [not is_on, not is_on, False]


@pytest.mark.parametrize("value", ["yes", "1", "tru"])
def test_switch_is_refused_when_it_is_neither_true_nor_false(value: str) -> None:
    """A guess could skip a wait that somebody relies on."""
    config = _config({"baseten:skipWait": value, "baseten:previewReads": value})
    for key, read in (("baseten:skipWait", config.waits), ("baseten:previewReads", config.reads_in_previews)):
        with pytest.raises(ConfigurationError) as caught:
            read()
        assert str(caught.value) == f'{key} is malformed.\nIt must be true or false, got "{value}".\nCorrect it.'
