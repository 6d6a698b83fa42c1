"""Secrets on disk are salted hashes."""

from typing import Any

import pytest

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.vault import Vault


def test_the_text_is_nowhere_when_secrets_are_masked() -> None:
    """Masking goes everywhere, leaves the rest alone, and masks nothing twice."""
    vault = Vault()
    masked = vault.masked({"a": [values.secret("hush"), 1], "b": {"c": values.secret({"d": "hush"})}})
    assert "hush" not in values.canonical(masked)
    assert masked["a"][1] == 1
    assert values.is_masked(masked["b"]["c"])
    assert vault.masked(masked) == masked


def test_hashes_differ_when_salts_do() -> None:
    """The same secret in two stacks does not show as the same; the same salt recognises it."""
    secret = values.secret("hush")
    one = Vault()
    assert one.masked(secret) != Vault().masked(secret)
    assert one.masked(secret) == Vault(one.salt).masked(secret)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"a": values.secret("hush")}, {"a": values.secret("hush")}),
        ({"a": "hush"}, {"a": values.secret("hush")}),
        ({"a": values.secret("other")}, None),
        ({}, None),
        ({"a": {"deep": "hush"}}, None),
    ],
)
def test_the_text_comes_back_when_the_program_brings_an_equal_secret(new: Any, expected: Any) -> None:
    """Another secret, or none, leaves the mask."""
    vault = Vault()
    old = vault.masked({"a": values.secret("hush")})
    assert vault.restored(old, new) == (old if expected is None else expected)


def test_texts_come_back_at_every_depth_when_shapes_agree() -> None:
    """Lists of another length, and secrets of other places, are left as they are."""
    vault = Vault()
    plain = {"list": [1, values.secret("a")], "nested": {"key": values.secret("b")}, "open": values.secret("c"), "n": 1}
    old = vault.masked(plain)
    assert vault.restored(old, plain) == plain
    assert vault.restored(old, {**plain, "list": [values.secret("a")]})["list"] == old["list"]
    assert vault.restored(plain, {"open": values.secret("d")}) == plain
