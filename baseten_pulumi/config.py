"""The API key, the base URL and the switches, from the stack's configuration or from environment variables."""

import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from baseten_pulumi.errors import ConfigurationError, Message, MissingApiKeyError

DEFAULT_BASE_URL = "https://api.baseten.co"
NAMESPACE = "baseten"
API_KEY, BASE_URL, ALLOW_HTTP = "baseten:apiKey", "baseten:baseUrl", "baseten:allowHttp"
SKIP_WAIT, PREVIEW_READS = "baseten:skipWait", "baseten:previewReads"
ENVIRONMENTS, ENVIRONMENT_DEFAULTS, MODELS = "baseten:environments", "baseten:environmentDefaults", "baseten:models"
KEYS = (API_KEY, BASE_URL, ALLOW_HTTP, SKIP_WAIT, PREVIEW_READS, ENVIRONMENTS, ENVIRONMENT_DEFAULTS, MODELS)
"""Every key of a stack's configuration that this package reads."""
NAMES = tuple(key.partition(":")[2] for key in KEYS)
"""The same without their namespace."""
_API_KEY_VARIABLE, _BASE_URL_VARIABLE = "BASETEN_API_KEY", "BASETEN_BASE_URL"
_NOTHING_SENT = "Nothing was sent."
# No credentials, query or fragment, and nothing that URL parsers read in different ways.
_PLAIN_URL = re.compile(r"[A-Za-z]+://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where Baseten is and which key to send.

    Attributes:
        base_url: URL in front of `/v1`, without a trailing slash.
        api_key: Sent with every request, and never shown.
    """

    base_url: str
    api_key: str = field(repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine; proxies are not used for it."""
        return _is_loopback(self.base_url)


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of a stack.

    Nothing is validated before it is used: a preview needs no key and ignores a malformed URL.

    Attributes:
        stack: Stack configuration by full key (`baseten:apiKey`); values are strings.
        environ: Environment variables of the process.
    """

    stack: Callable[[str], object] = field(repr=False)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def endpoint(self) -> Endpoint:
        """Return the base URL and the API key.

        Raises:
            MissingApiKeyError: there is no key.
            ConfigurationError: the key or the base URL is malformed.
        """
        base_url = self.base_url()
        return Endpoint(base_url, self.api_key())

    def api_key(self) -> str:
        """Return `baseten:apiKey`, or BASETEN_API_KEY if that is not set.

        Raises:
            MissingApiKeyError: neither is set.
            ConfigurationError: it cannot be sent as a header.
        """
        key = self._text(API_KEY, _API_KEY_VARIABLE)
        if not key:
            raise MissingApiKeyError(
                Message(
                    failed="Baseten cannot be reached without an API key.",
                    observed=f"Neither {API_KEY} nor {_API_KEY_VARIABLE} is set.",
                    state=_NOTHING_SENT,
                    action=f"Run `pulumi config set --secret {API_KEY} KEY`, or set {_API_KEY_VARIABLE}. "
                    "Create keys at https://app.baseten.co/settings/api_keys.",
                )
            )
        if not (key.isascii() and key.isprintable() and " " not in key):
            del key  # error reports show the locals of a frame
            raise _malformed(
                "The API key", "contains characters that an API key cannot contain", "Copy it again, as a single line."
            )
        return key

    def base_url(self) -> str:
        """Return `baseten:baseUrl`, or BASETEN_BASE_URL, or Baseten's own URL.

        Raises:
            ConfigurationError: it is not https, or has more than a host and a path. http is allowed for this machine
                and, with `baseten:allowHttp`, for other hosts.
        """
        source = BASE_URL if str(self.stack(BASE_URL) or "").strip() else _BASE_URL_VARIABLE
        text = self._text(BASE_URL, _BASE_URL_VARIABLE) or DEFAULT_BASE_URL
        url = _split(text)
        if url is None or not url.hostname or not _PLAIN_URL.fullmatch(text):
            raise _malformed(
                source, "must be a URL with only a scheme, a host and a path", f"Use a URL like {DEFAULT_BASE_URL}."
            )
        if url.scheme != "https" and not (url.scheme == "http" and (_is_loopback(text) or self._flag(ALLOW_HTTP))):
            action = f"Use https://, or set {ALLOW_HTTP} to true for an emulator on another host."
            raise _malformed(source, "must use https unless the host is this machine", action)
        if url.path.rstrip("/").endswith("/v1"):
            raise _malformed(source, "must not end in /v1, which every request adds", f"Use {DEFAULT_BASE_URL}.")
        return text.rstrip("/")

    def reads_in_previews(self) -> bool:
        """Return `baseten:previewReads`: whether Check compares with Baseten. False if it is not set.

        Raises:
            ConfigurationError: it is neither true nor false.
        """
        return self._flag(PREVIEW_READS)

    def waits(self, wait: Any = True) -> bool:
        """Return whether to wait: a resource's own `wait`, unless `baseten:skipWait` is true.

        Raises:
            ConfigurationError: `baseten:skipWait` is neither true nor false.
        """
        return wait is not False and not self._flag(SKIP_WAIT)

    def _flag(self, key: str) -> bool:
        value = str(self.stack(key) or "").strip().lower()
        if value not in ("", "true", "false"):
            message = Message(f"{key} is malformed.", f'It must be true or false, got "{value}".', "", "Correct it.")
            raise ConfigurationError(message)
        return value == "true"

    def _text(self, key: str, variable: str) -> str:
        return str(self.stack(key) or "").strip() or self.environ.get(variable, "").strip()


def unread(configured: Iterable[str]) -> list[str]:
    """Return the configured keys of this package's namespace that nothing reads, sorted, without the namespace."""
    names = (key.partition(":")[2] for key in sorted(configured) if key.partition(":")[0] == NAMESPACE)
    return [name for name in names if name not in NAMES]


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return None
    return url


def _malformed(what: str, rule: str, action: str) -> ConfigurationError:
    return ConfigurationError(Message("Baseten cannot be reached.", f"{what} {rule}.", _NOTHING_SENT, action))
