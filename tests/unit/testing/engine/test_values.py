"""Property values in wire form."""

from typing import Any

import pytest

from baseten_pulumi.testing.engine import values

REFERENCE = {values.SIGNATURE: values.REFERENCE, "urn": "urn:a"}
MASKED = {values.SIGNATURE: values.SECRET, "ciphertext": "local-engine:1"}


def test_values_come_back_as_they_were_when_they_travel_as_a_struct() -> None:
    """Whole numbers are ints again, other types stay apart, keys come sorted."""
    sent = {"b": 2.0, "a": [1, 2.5, True, None, "x", {"deep": {}}], "c": []}
    received = values.from_struct(values.to_struct(sent))
    assert values.canonical(received) == '{"a":[1,2.5,true,null,"x",{"deep":{}}],"b":2,"c":[]}'
    assert list(received) == ["a", "b", "c"]
    assert isinstance(received["b"], int)


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ("1", 1), (None, 0), ([], {}), ([1, 2], [2, 1])])
def test_values_differ_when_json_tells_them_apart(one: Any, other: Any) -> None:
    """Python's own equality would take true for 1."""
    assert not values.same(one, other)
    assert values.same(one, one)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (values.secret({"a": values.secret(1)}), {"a": 1}),
        (MASKED, "[secret]"),
        ([{**REFERENCE, "id": "x"}], ["x"]),
        ({**REFERENCE, "id": ""}, values.UNKNOWN),
        (REFERENCE, "urn:a"),
        ({"a": [values.secret(2), 3]}, {"a": [2, 3]}),
    ],
)
def test_providers_get_plain_values_when_marks_are_taken_off(value: Any, expected: Any) -> None:
    """A reference is its id, an unknown one where it has none yet, its URN for a component."""
    assert values.revealed(value) == expected


def test_outputs_are_secret_when_the_inputs_at_the_same_path_are() -> None:
    """Objects are followed inside; a changed list with a secret in it is secret as a whole."""
    inputs = {
        "plain": 1,
        "word": values.secret("w"),
        "nested": {"key": values.secret("k"), "open": 1},
        "same": [values.secret("s"), "t"],
        "list": [values.secret("s"), "t"],
        "only": values.secret("x"),
    }
    outputs = {"plain": 1, "word": "v", "nested": {"key": "k", "open": 2}, "same": ["s", "t"], "list": ["t"], "new": 1}
    assert values.annotated(outputs, inputs) == {
        "plain": 1,
        "word": values.secret("v"),
        "nested": {"key": values.secret("k"), "open": 2},
        "same": [values.secret("s"), "t"],
        "list": values.secret(["t"]),
        "new": 1,
    }
    assert values.annotated({"word": values.secret("v")}, inputs) == {"word": values.secret("v")}


def test_named_outputs_are_secret_when_the_program_says_so() -> None:
    """Marking twice changes nothing."""
    once = values.with_secret_keys({"a": 1, "b": 2}, ("a", "missing"))
    assert once == {"a": values.secret(1), "b": 2}
    assert values.with_secret_keys(once, ("a",)) == once


def test_masks_stay_when_they_went_out_as_masks_and_came_back() -> None:
    """Only the mask's own text is taken for it, at the same path."""
    old = {"a": MASKED, "b": {"c": MASKED}, "d": MASKED, "e": 1}
    new = {"a": "[secret]", "b": {"c": values.secret("[secret]"), "f": 1}, "d": "else", "e": 2}
    assert values.remasked(new, old) == {"a": MASKED, "b": {"c": MASKED, "f": 1}, "d": "else", "e": 2}


def test_masks_travel_as_secrets_with_a_text_when_a_program_reads_them() -> None:
    """The SDK can read no secret without a value."""
    assert values.unmasked({"a": [MASKED], "b": values.secret(1)}) == {
        "a": [values.secret("[secret]")],
        "b": values.secret(1),
    }


def test_unknowns_and_secrets_are_found_when_they_are_deep() -> None:
    """Lists and objects are looked into."""
    assert values.contains_unknown({"a": [1, {"b": values.UNKNOWN}]})
    assert not values.contains_unknown({"a": [1, {"b": "x"}]})
    assert values.contains_secret([{"a": MASKED}])
    assert not values.contains_secret([{"a": 1}])
