"""Take the API key out of whatever Baseten, a proxy or the HTTP library says."""

import functools
import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote

MASK = "[key]"
# What is shorter, of base64 too, may stand in a text by chance. No key of Baseten's is; one of an emulator's may be.
_SHORTEST_CHARACTERS = 8


def masked(text: str, api_key: str) -> str:
    """Return a text without the key, however it is written there: as it is, in a URL, in JSON, HTML or base64.

    A key of fewer than eight characters is left: it would be taken out of names that hold it by chance.
    """
    for written in _written(api_key) if len(api_key) >= _SHORTEST_CHARACTERS else ():
        text = text.replace(written, MASK)
    return text


@functools.lru_cache(maxsize=8)
def _written(api_key: str) -> tuple[str, ...]:
    """Return every way to write the key, the key itself first."""
    quoted = quote(api_key, safe="")
    small = re.sub("%..", lambda found: found[0].lower(), quoted)
    encoded = (each for each in _encoded(api_key.encode()) if len(each) >= _SHORTEST_CHARACTERS)
    return tuple(dict.fromkeys([api_key, quoted, small, json.dumps(api_key)[1:-1], html.escape(api_key), *encoded]))


def _encoded(content: bytes) -> Iterator[str]:
    """Yield what of the base64 of anything that holds the content depends on the content alone.

    Three bytes are four characters there, so it looks different with 0, 1 and 2 bytes before it.
    """
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(content)) * 8 // 6
        whole = bytes(before) + content
        yield b64encode(whole).decode()[first:last]
        yield urlsafe_b64encode(whole).decode()[first:last]
