import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import pytest

from tests.key_scan import holds, told

KEY = "k/+very~secret?4711=="


@pytest.mark.parametrize("before", range(4))
def test_key_is_found_when_it_is_inside_base64(before: int) -> None:
    """At every offset, in both alphabets, and when base64 was applied twice."""
    for after in range(4):
        content = b"x" * before + KEY.encode() + b"y" * after
        nested = b64encode(b'{"p": "' + b64encode(content) + b'"}')
        assert all(holds(it, KEY) for it in (b64encode(content), urlsafe_b64encode(content), nested))


@pytest.mark.parametrize(
    "encoded",
    [KEY, quote(KEY, safe="").lower(), json.dumps({"a": KEY}), "".join(f"\\u{ord(c):04x}" for c in KEY)],
)
def test_key_is_found_when_it_is_encoded(encoded: str) -> None:
    """In plain text, in a URL and in JSON; a part of it is not the key."""
    assert holds(f"before {encoded} after", KEY)
    assert not holds(f"before {encoded[:-8]} after", KEY)


def test_key_is_found_when_a_frame_of_an_error_holds_it() -> None:
    """Error reports show the locals of frames; frames of the tests, which know the key, do not count."""
    names: dict[str, Any] = {}
    exec(compile("def fail(secret):\n    raise ValueError('no')", "elsewhere.py", "exec"), names)  # noqa: S102
    with pytest.raises(ValueError, match="no") as caught:
        names["fail"](KEY)
    assert holds(told(caught.value), KEY)
    with pytest.raises(ValueError, match="no") as caught:
        raise ValueError("no")
    assert not holds(told(caught.value), KEY)
