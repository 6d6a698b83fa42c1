"""Property paths of ignore_changes."""

from typing import Any

import pytest

from baseten_pulumi.testing.engine.paths import parsed, with_old_values


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ["a"]),
        ("a.b[0].c", ["a", "b", 0, "c"]),
        ("a[\"b.c\"]['d']".replace("['d']", ".d"), ["a", "b.c", "d"]),
        ('["say \\"hi\\""]', ['say "hi"']),
        ("a[*].b", ["a", "*", "b"]),
        ("*", ["*"]),
    ],
)
def test_a_path_is_split_into_keys_and_indices_when_it_is_read(path: str, steps: list[Any]) -> None:
    """Quoted keys may hold dots and quotes."""
    assert parsed(path) == steps


@pytest.mark.parametrize(
    ("path", "wanted", "old", "expected"),
    [
        ("a", {"a": 2, "b": 2}, {"a": 1, "b": 1}, {"a": 1, "b": 2}),
        ("a", {"a": 2}, {}, {}),
        ("a", {}, {"a": 1}, {"a": 1}),
        ("a.b", {"a": {"b": 2, "c": 2}}, {"a": {"b": 1, "c": 1}}, {"a": {"b": 1, "c": 2}}),
        ("a.b", {"a": {"b": 2}}, {}, {"a": {"b": 2}}),
        ("a.b", {"a": 2}, {"a": {"b": 1}}, {"a": 2}),
        ("a[1]", {"a": [2, 2]}, {"a": [1, 1]}, {"a": [2, 1]}),
        ("a[5]", {"a": [2, 2]}, {"a": [1, 1]}, {"a": [2, 2]}),
        ("a[1]", {"a": [2, 2]}, {"a": [1]}, {"a": [2, 2]}),
        ("a[*].b", {"a": [{"b": 2}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 0}]}, {"a": [{"b": 1}, {"b": 0}]}),
        ("*", {"a": 2, "b": 2}, {"b": 1, "c": 1}, {"b": 1, "c": 1}),
        ("", {"a": 2}, {"a": 1}, {"a": 2}),
    ],
)
def test_old_values_are_put_back_when_changes_are_ignored(path: str, wanted: Any, old: Any, expected: Any) -> None:
    """What the old properties lack is taken out; a path that leads nowhere changes nothing."""
    before = repr(wanted)
    assert with_old_values(wanted, old, [path]) == expected
    assert repr(wanted) == before
