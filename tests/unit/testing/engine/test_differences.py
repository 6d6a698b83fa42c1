"""How differences look."""

from typing import Any

import pytest

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.differences import lines, summary, text, whole


def test_changed_properties_nest_when_they_are_objects_and_lists() -> None:
    """Only what differs is shown at the top; inside it what stayed is shown too, each with its sign."""
    old = {"same": 1, "gone": {"a": 1}, "size": 3, "nested": {"a": 1, "b": {"c": 1}, "list": [1, 2]}, "__provider": "x"}
    new = {"same": 1, "come": [], "size": 6, "nested": {"a": 1, "b": {"c": 2}, "list": [1, 3, 4]}, "__provider": "y"}
    assert list(lines(old, new)) == [
        "+ come  : []",
        "- gone  : {",
        "    - a: 1",
        "- }",
        "~ nested: {",
        "      a   : 1",
        "    ~ b   : {",
        "        ~ c: 1 => 2",
        "      }",
        "    ~ list: [",
        "          [0]: 1",
        "        ~ [1]: 2 => 3",
        "        + [2]: 4",
        "      ]",
        "  }",
        "~ size  : 3 => 6",
    ]
    assert summary(old, new) == "+come-gone~nested,size"
    assert summary(old, old) == ""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (1, True, "~ a: 1 => true"),
        (None, "x", '~ a: <null> => "x"'),
        (values.secret("s"), values.secret("t"), "~ a: [secret] => [secret]"),
        ([1, values.secret("s")], "x", '~ a: [1,"[secret]"] => "x"'),
        ({"b": values.UNKNOWN}, 1, '~ a: {"b":"[unknown]"} => 1'),
        (1, values.UNKNOWN, "~ a: 1 => [unknown]"),
    ],
)
def test_values_of_other_types_are_on_one_line_when_they_change(old: Any, new: Any, line: str) -> None:
    """Secrets never show, unknowns by name."""
    assert list(lines({"a": old}, {"a": new})) == [line]


def test_a_whole_map_has_one_sign_when_a_resource_is_created_or_deleted() -> None:
    """The provider's code is no property of the user's."""
    properties = {"b": {"c": [1]}, "a": "é", "__provider": "x"}
    assert list(whole(properties, "+")) == ['+ a: "é"', "+ b: {", "    + c: [", "        + [0]: 1", "    + ]", "+ }"]
    assert text({}) == "{}"
