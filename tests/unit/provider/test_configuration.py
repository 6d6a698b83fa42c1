from collections.abc import Callable
from typing import Any

import pytest

from baseten_pulumi.errors import ConfigurationError, MissingApiKeyError
from baseten_pulumi.provider.configuration import Configuration, is_loopback
from tests.key_scan import holds, told


def _configured(stack: dict[str, Any] | None = None, **environ: str) -> Configuration:
    return Configuration((stack or {}).get, environ)


# --- the key ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stack", "environ", "key"),
    [
        ({"baseten:apiKey": "from-stack"}, {}, "from-stack"),
        ({}, {"BASETEN_API_KEY": "from-environ"}, "from-environ"),
        ({"baseten:apiKey": "from-stack"}, {"BASETEN_API_KEY": "from-environ"}, "from-stack"),
        ({"baseten:apiKey": ""}, {"BASETEN_API_KEY": "from-environ"}, "from-environ"),
        ({"baseten:apiKey": " \n"}, {"BASETEN_API_KEY": "from-environ"}, "from-environ"),
        ({"apiKey": "no", "project:apiKey": "no"}, {"BASETEN_API_KEY": "from-environ"}, "from-environ"),
        ({"baseten:apiKey": "  padded\n"}, {}, "padded"),
        ({}, {"BASETEN_API_KEY": "\tpadded "}, "padded"),
    ],
)
def test_key_is_the_stacks_when_both_are_set(stack: dict[str, Any], environ: dict[str, str], key: str) -> None:
    """Stack configuration wins over the environment; white space around a key is a slip, and alone it is no key."""
    assert _configured(stack, **environ).api_key() == key


@pytest.mark.parametrize(
    ("stack", "environ"),
    [({}, {}), ({"baseten:apiKey": ""}, {}), ({}, {"BASETEN_API_KEY": ""}), ({"baseten:apiKey": "  "}, {})],
)
def test_key_is_missing_when_nothing_is_set(stack: dict[str, Any], environ: dict[str, str]) -> None:
    """The whole text, with both ways to set one."""
    with pytest.raises(MissingApiKeyError) as caught:
        _configured(stack, **environ).api_key()
    assert str(caught.value) == (
        "Baseten could not be asked.\n"
        "There is no API key: neither baseten:apiKey nor BASETEN_API_KEY is set. Nothing was sent.\n"
        "Run `pulumi config set --secret baseten:apiKey KEY`, or set BASETEN_API_KEY. "
        "Keys are made at https://app.baseten.co/settings/api_keys."
    )


@pytest.mark.parametrize("key", ["two words", "two\nlines", "tab\tbed", "schlüssel", "null\0byte", "del\x7f"])
def test_key_is_refused_and_not_shown_when_it_cannot_be_sent(key: str) -> None:
    """Only printable ASCII fits a header; the error's frames do not hold what was refused either."""
    with pytest.raises(ConfigurationError) as caught:
        _configured({"baseten:apiKey": key}).api_key()
    assert str(caught.value) == (
        "Baseten could not be asked.\n"
        "The API key has characters an API key cannot have. Nothing was sent.\n"
        "Copy it again, on one line."
    )
    assert not holds(told(caught.value), key)


def test_key_is_not_shown_when_a_configuration_is_printed() -> None:
    """Neither what the stack holds nor the environment is in a repr."""
    assert repr(_configured({"baseten:apiKey": "k"}, BASETEN_API_KEY="k")) == "Configuration()"


def test_environment_variables_are_the_processs_when_none_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are looked up when needed, not when the provider starts."""
    configuration = Configuration(lambda key: None)
    monkeypatch.setenv("BASETEN_API_KEY", "later")
    assert configuration.api_key() == "later"


# --- the base URL -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stack", "environ", "url"),
    [
        ({}, {}, "https://api.baseten.co"),
        ({"baseten:baseUrl": "https://a.example"}, {"BASETEN_BASE_URL": "https://b.example"}, "https://a.example"),
        ({}, {"BASETEN_BASE_URL": "https://b.example"}, "https://b.example"),
        ({"baseten:baseUrl": " https://a.example/ "}, {}, "https://a.example"),
        ({"baseten:baseUrl": "  "}, {"BASETEN_BASE_URL": "https://b.example"}, "https://b.example"),
    ],
)
def test_base_url_is_the_stacks_when_both_are_set(stack: dict[str, Any], environ: dict[str, str], url: str) -> None:
    """Stack configuration, the environment, Baseten's own; without a slash at the end."""
    assert _configured(stack, **environ).base_url() == url


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example:8443",
        "https://a.example/baseten/proxy",
        "HTTPS://A.Example",
        "https://10.0.0.1",
        "https://[2001:db8::1]:8443",
        "http://localhost",
        "http://localhost:8095",
        "http://LOCALHOST:8095",
        "HTTP://127.0.0.1:8095",
        "http://127.9.9.9",
        "http://[::1]:8095",
        "https://localhost:8095",
    ],
)
def test_base_url_is_accepted_when_it_is_https_or_this_machine(url: str) -> None:
    """`https` anywhere, `http` on loopback alone."""
    assert _configured({"baseten:baseUrl": url}).base_url() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "HTTP://api.baseten.co",
        "http://localhost.evil.com",
        "http://evil-localhost",
        "http://127.0.0.1.evil.com",
        "http://0.0.0.0:8095",
        "http://10.0.0.1",
        "http://[::]",
        "http://[2001:db8::1]",
        "ftp://localhost",
        "ws://localhost",
    ],
)
def test_base_url_is_refused_when_the_key_would_travel_in_the_open(url: str) -> None:
    """Anything but https is for this machine only."""
    with pytest.raises(ConfigurationError) as caught:
        _configured({"baseten:baseUrl": url}).base_url()
    assert str(caught.value) == (
        "Baseten could not be asked.\n"
        "baseten:baseUrl is not https, and only this machine may do without. Nothing was sent.\n"
        "Write it with https://."
    )


@pytest.mark.parametrize(
    "url",
    [
        "api.baseten.co",
        "https://",
        "https:///v1",
        "//api.baseten.co",
        "https:api.baseten.co",
        "https://user@a.example",
        "https://user:word@a.example",
        "https://:@a.example",
        "https://@a.example",
        "http://localhost@evil.com",
        "http://localhost:8095@evil.com",
        "http://localhost\\@evil.com",
        "https://a.example?x=1",
        "https://a.example?",
        "https://a.example#x",
        "https://a.example#",
        "https://a.example:port",
        "https://a.example:99999",
        "https://a.example:-1",
        "https://[::1",
        "https://a exa.mple",
        "https://a.exa\nmple",
        "http://local\thost",
        "https://a.example/%2e%2e",
        "https://ä.example",
        "nonsense",
    ],
)
def test_base_url_is_refused_when_it_is_more_or_less_than_a_host_and_a_path(url: str) -> None:
    """No credentials, query or fragment, and nothing two parsers could read differently; it is not quoted."""
    with pytest.raises(ConfigurationError) as caught:
        _configured({"baseten:baseUrl": url}).base_url()
    assert str(caught.value) == (
        "Baseten could not be asked.\n"
        "baseten:baseUrl is not a plain URL of a host. Nothing was sent.\n"
        "Write it like https://api.baseten.co."
    )


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("nonsense", "is not a plain URL of a host"),
        ("http://a.example", "is not https, and only this machine may do without"),
        ("https://a.example/v1/", "ends in /v1, which every request adds"),
    ],
)
@pytest.mark.parametrize(
    ("stack", "source"),
    [(None, "BASETEN_BASE_URL"), ("  ", "BASETEN_BASE_URL"), ("stack", "baseten:baseUrl")],
)
def test_place_of_the_base_url_is_named_when_it_is_refused(url: str, rule: str, stack: str | None, source: str) -> None:
    """The user is sent to where it was set: the stack's configuration or the variable."""
    own = url if stack == "stack" else stack
    with pytest.raises(ConfigurationError) as caught:
        _configured({"baseten:baseUrl": own}, BASETEN_BASE_URL=url).base_url()
    assert caught.value.statements.seen == f"{source} {rule}."


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.1", True),
        ("http://127.255.0.1", True),
        ("http://[::1]:1", True),
        ("https://api.baseten.co", False),
        ("http://localhost.evil.com", False),
        ("http://128.0.0.1", False),
        ("nonsense", False),
    ],
)
def test_loopback_is_told_when_a_url_names_this_machine(url: str, expected: bool) -> None:
    """127.0.0.0/8, ::1 and localhost."""
    assert is_loopback(url) is expected


# --- the wait -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "skips"),
    [
        (None, False),
        ("", False),
        ("true", True),
        ("false", False),
        ("True", True),
        ("FALSE", False),
        (" true ", True),
        (True, True),
        (False, False),
    ],
)
def test_wait_is_skipped_when_the_stack_says_true(value: object, skips: bool) -> None:
    """Values arrive as strings, and the text "false" is truthy: it is read, not tested."""
    assert _configured({"baseten:skipWait": value}).skips_wait() is skips


@pytest.mark.parametrize(("value", "reads"), [("true", True), (" True ", True), ("false", False), (None, False)])
def test_previews_read_when_the_stack_says_true(value: object, reads: bool) -> None:
    """Off unless it is asked for: previews are offline."""
    assert _configured({"baseten:previewReads": value}).reads_in_previews() is reads


CHOICES: list[tuple[str, Callable[[Configuration], bool]]] = [
    ("baseten:skipWait", Configuration.skips_wait),
    ("baseten:previewReads", Configuration.reads_in_previews),
]


@pytest.mark.parametrize("value", ["yes", "no", "1", "0", "on", "truth", "tru"])
@pytest.mark.parametrize(("key", "read"), CHOICES)
def test_choice_is_refused_when_it_is_neither_true_nor_false(
    key: str, read: Callable[[Configuration], bool], value: str
) -> None:
    """A guess could skip a wait that somebody relies on; the key is named."""
    with pytest.raises(ConfigurationError) as caught:
        read(_configured({key: value}))
    assert str(caught.value) == (
        "Baseten could not be asked.\n"
        f'{key} must be true or false, got "{value}". Nothing was sent.\n'
        "Correct it with `pulumi config set`."
    )
