"""Whatever a server sends, a call returns or raises an error of this package; `make fuzz` tries far more."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi import errors
from tests.cases import cases
from tests.unit.api.server import Call, Reply, exchange, failure, read, response, update

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    [
        "error",
        "message",
        "detail",
        "retry_after",
        "status",
        "environments",
        "name",
        "in_progress_promotion",
        "models",
        "error_message",
        "current_deployment",
        "autoscaling_settings",
        "autoscaling_schedules",
        "applied_state",
    ]
)
_BODIES = st.binary(max_size=60) | (_JSON | st.dictionaries(_KEYS, _JSON)).map(lambda it: json.dumps(it).encode())
_TOKENS = ["gzip", "deflate", "br", "rot13", "chunked", "utf-16", "text/html; charset=hex", "http://[", "//", "+9e999"]
_VALUES = st.sampled_from(_TOKENS) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12)
_NAMES = st.sampled_from(
    ["content-encoding", "content-type", "transfer-encoding", "retry-after", "x-request-id", "location", "set-cookie"]
)
_STATUSES = st.sampled_from([100, 101, 200, 204, 304, 307, 400, 404, 429, 500, 503, 999])
_LENGTHS = st.integers(0, 100) | st.sampled_from([-1, 10**9, 10**20])


@st.composite
def _replies(draw: st.DrawFn) -> Reply:
    """Draw the bytes of a response: nearly one, or none at all."""
    if draw(st.integers(0, 9)) == 0:
        return Reply(draw(st.binary(min_size=1, max_size=60)))
    body = draw(_BODIES)
    lines = [f"HTTP/1.1 {draw(_STATUSES)} X", f"Content-Length: {draw(st.just(len(body)) | _LENGTHS)}"]
    lines += [f"{name}: {value}" for name, value in draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=3))]
    return Reply("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


@pytest.mark.parametrize("call", [read, update])
@cases(30, share=50)
@given(reply=_replies())
def test_call_returns_or_fails_when_a_response_is_anything(call: Call[Any], reply: Reply) -> None:
    assert len(exchange(call, reply).received) <= 3


@pytest.mark.parametrize(
    ("encoding", "body", "kind"),
    [
        *(
            (encoding, gzip.compress(b"{", mtime=0), errors.UnexpectedResponseError)
            for encoding in ("br", "zstd", "gzip, gzip")
        ),
        ("gzip", b"no gzip", errors.ConnectionFailedError),
    ],
)
def test_read_fails_when_a_response_is_compressed_in_a_way_nobody_asked_for(
    encoding: str, body: bytes, kind: type[errors.RequestError]
) -> None:
    assert type(failure(read, response(200, body, [("Content-Encoding", encoding)]))) is kind
    whole = response(200, gzip.compress(b'{"status": "QUEUED"}', mtime=0), [("Content-Encoding", "gzip")])
    assert exchange(update, whole).result == "QUEUED"


def test_rest_is_not_read_when_a_response_is_longer_than_its_length() -> None:
    """Only what Content-Length counts is the response; one that is shorter is a lost connection."""
    whole = response(200, {"status": "QUEUED"})
    assert exchange(update, Reply(whole.content + b"x" * 100_000)).result == "QUEUED"
    error = failure(update, Reply(whole.content[:-1]))
    assert (type(error), error.may_have_applied) == (errors.ConnectionFailedError, True)
