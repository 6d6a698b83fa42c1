import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.api.masking import masked
from tests.key_scan import holds

KEY = "k/+very~secret&4711"
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=60)


@pytest.mark.parametrize(
    "written", [KEY, quote(KEY, safe=""), quote(KEY, safe="").lower(), json.dumps(KEY)[1:-1], html.escape(KEY)]
)
def test_key_is_masked_when_it_is_written_otherwise(written: str) -> None:
    """Plain, in a URL, in JSON and in HTML; the words around it stay."""
    assert masked(f"no {written}, no", KEY) == "no [key], no"


@given(KEYS, st.binary(max_size=4), st.binary(max_size=4), st.sampled_from([b64encode, urlsafe_b64encode]))
def test_key_is_masked_when_it_is_inside_base64(
    key: str, before: bytes, after: bytes, encode: Callable[[bytes], bytes]
) -> None:
    """Wherever it begins, nobody can decode it from what is left."""
    text = encode(before + key.encode() + after).decode()
    assert holds(text, key)
    assert not holds(masked(f"said {text}.", key), key)


@pytest.mark.parametrize(
    ("text", "key"), [("keys are kept", ""), ("QUFB SGVsbG8gd29ybGQ=", "A-1"), ("germany", "any"), ("", KEY)]
)
def test_text_stays_when_it_holds_no_key(text: str, key: str) -> None:
    """A short key leaves names and other people's base64 alone, and no key masks nothing."""
    assert masked(text, key) == text
