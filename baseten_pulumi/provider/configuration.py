"""The key, the base URL and the choices, from stack configuration or the environment variables."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from baseten_pulumi.errors import ConfigurationError, MissingApiKeyError, Statements

DEFAULT_BASE_URL = "https://api.baseten.co"
API_KEY, BASE_URL = "baseten:apiKey", "baseten:baseUrl"
SKIP_WAIT, PREVIEW_READS = "baseten:skipWait", "baseten:previewReads"
_NOTHING_SENT = "Nothing was sent."
# No credentials, query or fragment (empty ones neither), and nothing that URL parsers read in different ways.
_UNADORNED = re.compile(r"[A-Za-z]+://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is configured for a stack, as it was found.

    Nothing is judged before it is needed: previews neither need a key nor mind a malformed URL.

    Attributes:
        stack: Stack configuration by full key (`baseten:apiKey`); values are strings.
        environ: The process's environment variables.
    """

    stack: Callable[[str], object] = field(repr=False)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def api_key(self) -> str:
        """Return the API key: `baseten:apiKey`, else BASETEN_API_KEY.

        Raises:
            MissingApiKeyError: neither is set.
            ConfigurationError: it could not be sent as a header.
        """
        key = self._text(API_KEY, "BASETEN_API_KEY")
        if not key:
            raise MissingApiKeyError(
                Statements(
                    goal="Baseten could not be asked.",
                    seen="There is no API key: neither baseten:apiKey nor BASETEN_API_KEY is set.",
                    now=_NOTHING_SENT,
                    advice="Run `pulumi config set --secret baseten:apiKey KEY`, or set BASETEN_API_KEY. "
                    "Keys are made at https://app.baseten.co/settings/api_keys.",
                )
            )
        if not (key.isascii() and key.isprintable() and " " not in key):
            del key  # error reports show a frame's locals
            raise _malformed("The API key", "has characters an API key cannot have", "Copy it again, on one line.")
        return key

    def base_url(self) -> str:
        """Return the URL in front of `/v1`: `baseten:baseUrl`, else BASETEN_BASE_URL, else Baseten's own.

        Raises:
            ConfigurationError: it is not https (save on this machine), or holds more than a host and a path.
        """
        source = BASE_URL if str(self.stack(BASE_URL) or "").strip() else "BASETEN_BASE_URL"
        text = self._text(BASE_URL, "BASETEN_BASE_URL") or DEFAULT_BASE_URL
        url = _split(text)
        if url is None or not url.hostname or not _UNADORNED.fullmatch(text):
            raise _malformed(source, "is not a plain URL of a host", f"Write it like {DEFAULT_BASE_URL}.")
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(text)):
            raise _malformed(source, "is not https, and only this machine may do without", "Write it with https://.")
        if url.path.rstrip("/").endswith("/v1"):
            raise _malformed(source, "ends in /v1, which every request adds", f"Write it like {DEFAULT_BASE_URL}.")
        return text.rstrip("/")

    def skips_wait(self) -> bool:
        """Return `baseten:skipWait`: whether no resource of the stack waits. False where it is not set.

        Raises:
            ConfigurationError: it is neither true nor false.
        """
        return self._choice(SKIP_WAIT)

    def reads_in_previews(self) -> bool:
        """Return `baseten:previewReads`: whether a preview asks Baseten what is set now. False where it is not set.

        Raises:
            ConfigurationError: it is neither true nor false.
        """
        return self._choice(PREVIEW_READS)

    def is_waiting(self, inputs: Mapping[str, Any]) -> bool:
        """Tell whether to wait: the resource's `wait`, unless `baseten:skipWait` says otherwise.

        Raises:
            ConfigurationError: `baseten:skipWait` is neither true nor false.
        """
        return inputs.get("wait") is not False and not self.skips_wait()

    def _choice(self, key: str) -> bool:
        value = str(self.stack(key) or "").strip().lower()
        if value not in ("", "true", "false"):
            raise _malformed(key, f'must be true or false, got "{value}"', "Correct it with `pulumi config set`.")
        return value == "true"

    def _text(self, key: str, variable: str) -> str:
        return str(self.stack(key) or "").strip() or self.environ.get(variable, "").strip()


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this machine."""
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


def _malformed(what: str, rule: str, advice: str) -> ConfigurationError:
    return ConfigurationError(Statements("Baseten could not be asked.", f"{what} {rule}.", _NOTHING_SENT, advice))
