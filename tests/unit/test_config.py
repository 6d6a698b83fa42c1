from collections.abc import Callable, Mapping
from typing import Any

import pytest

from baseten_pulumi.config import DEFAULT_BASE_URL, Config, Endpoint
from baseten_pulumi.errors import ConfigurationError, MissingApiKeyError
from tests.key_scan import holds, told


def _config(stack: Mapping[str, Any] | None = None, **environ: str) -> Config:
    return Config((stack or {}).get, environ)


def _refused(read: Callable[[], object]) -> str:
    """Return the two lines of an error that differ: what was observed, and what to do."""
    with pytest.raises(ConfigurationError) as caught:
        read()
    failed, observed, action = str(caught.value).splitlines()
    assert failed == "Baseten cannot be reached."
    return f"{observed}\n{action}"


# --- the key --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stack", "environ", "key"),
    [
        ({"baseten:apiKey": "from-stack"}, {"BASETEN_API_KEY": "from-environ"}, "from-stack"),
        ({"baseten:apiKey": "  padded\n"}, {}, "padded"),
        ({}, {"BASETEN_API_KEY": "\tfrom-environ "}, "from-environ"),
        ({"baseten:apiKey": " \n"}, {"BASETEN_API_KEY": "from-environ"}, "from-environ"),
        ({"apiKey": "no", "project:apiKey": "no"}, {"BASETEN_API_KEY": "from-environ"}, "from-environ"),
    ],
)
def test_stack_comes_before_the_environment_when_both_have_a_key(
    stack: dict[str, Any], environ: dict[str, str], key: str
) -> None:
    """White space around a key is a slip, and white space alone is no key."""
    assert _config(stack, **environ).endpoint() == Endpoint(DEFAULT_BASE_URL, key)


def test_key_is_missing_when_none_is_set() -> None:
    """The text has both ways to set one."""
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
    """Neither what the stack nor what the environment holds."""
    assert repr(_config({"baseten:apiKey": "k"}, BASETEN_API_KEY="k")) == "Config()"


def test_variables_are_read_late_when_they_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """When they are needed, not when the provider starts."""
    config = Config(lambda key: None)
    monkeypatch.setenv("BASETEN_API_KEY", "later")
    assert config.api_key() == "later"


# --- the base URL ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stack", "environ", "url"),
    [
        ({}, {}, "https://api.baseten.co"),
        ({"baseten:baseUrl": " https://a.example/ "}, {"BASETEN_BASE_URL": "https://b.example"}, "https://a.example"),
        ({"baseten:baseUrl": "  "}, {"BASETEN_BASE_URL": "https://b.example"}, "https://b.example"),
    ],
)
def test_stack_comes_before_the_environment_when_both_have_a_base_url(
    stack: dict[str, Any], environ: dict[str, str], url: str
) -> None:
    """Without either it is Baseten's own; a slash at the end is dropped."""
    assert _config(stack, **environ).base_url() == url


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
    """Http is for loopback addresses."""
    assert _config({"baseten:baseUrl": url}).base_url() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com",
        "http://0.0.0.0:8095",
        "http://10.0.0.1",
        "ftp://localhost",
    ],
)
def test_base_url_is_refused_when_the_key_would_be_sent_unencrypted(url: str) -> None:
    """Unless the stack allows http, for an emulator in another container; never another scheme."""
    refusal = (
        "baseten:baseUrl must use https unless the host is this machine. Nothing was sent.\n"
        "Use https://, or set baseten:allowHttp to true for an emulator on another host."
    )
    for stack in ({"baseten:baseUrl": url}, {"baseten:baseUrl": url, "baseten:allowHttp": "false"}):
        assert _refused(_config(stack).base_url) == refusal
    allowed = _config({"baseten:baseUrl": url, "baseten:allowHttp": "true"})
    if url.startswith("ftp"):
        assert _refused(allowed.base_url) == refusal
    else:
        assert allowed.base_url() == url


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "https:///v1",
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
    assert _refused(_config({"baseten:baseUrl": url, "baseten:allowHttp": "true"}).base_url) == (
        "baseten:baseUrl must be a URL with only a scheme, a host and a path. Nothing was sent.\nUse a URL like https://api.baseten.co."
    )


def test_base_url_is_refused_when_it_ends_in_the_version() -> None:
    """Every request adds it; the text names where the URL was set."""
    assert _refused(_config({"baseten:baseUrl": " "}, BASETEN_BASE_URL="https://a.example/v1/").endpoint) == (
        "BASETEN_BASE_URL must not end in /v1, which every request adds. Nothing was sent.\nUse https://api.baseten.co."
    )


# --- the switches ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "is_on"),
    [(None, False), ("", False), ("true", True), (" TRUE ", True), (True, True), ("False", False), (False, False)],
)
def test_switch_is_on_when_the_stack_says_true(value: object, is_on: bool) -> None:
    """Values arrive as text, and the text "false" is truthy. The stack can only skip waits, not add them."""
    config = _config({"baseten:skipWait": value, "baseten:previewReads": value})
    assert config.reads_in_previews() is is_on
    assert [config.waits(wait) for wait in (None, True, False)] == [not is_on, not is_on, False]


@pytest.mark.parametrize("value", ["yes", "1", "tru"])
@pytest.mark.parametrize(
    ("key", "read"),
    [("baseten:skipWait", lambda it: it.waits()), ("baseten:previewReads", Config.reads_in_previews)],
)
def test_switch_is_refused_when_it_is_neither_true_nor_false(
    key: str, read: Callable[[Config], object], value: str
) -> None:
    """A guess could skip a wait that somebody relies on."""
    with pytest.raises(ConfigurationError) as caught:
        read(_config({key: value}))
    assert str(caught.value) == f'{key} is malformed.\nIt must be true or false, got "{value}".\nCorrect it.'
