"""What a provider names path by path; the expected lines are what the real engine shows for the same answers."""

from typing import Any

import pytest

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.changes import Change, Detail, Kind, PathDifference, found, planned
from baseten_pulumi.testing.engine.checkpoint import Resource

ADD, DELETE, UPDATE = (PathDifference(kind) for kind in Kind)
OLD = {"size": 1, "name": "a", "nested": {"a": 1, "b": [1, 2]}, "list": [1, 2, 3], "gone": 5}
NEW = {"size": 2, "name": "a", "nested": {"a": 2, "b": [1, 3]}, "list": [1, 2, 4], "come": 6}


def _resource(inputs: dict[str, Any], outputs: dict[str, Any]) -> Resource:
    return Resource("urn:pulumi:dev::p::tests:Thing::a", "tests:Thing", custom=True, inputs=inputs, outputs=outputs)


def _planned(detail: Detail, **outputs: Any) -> Change:
    return planned(_resource(OLD, {**OLD, "made": "as a", **outputs}), _resource(NEW, {}), detail)


@pytest.mark.parametrize(
    ("detail", "summary", "lines"),
    [
        ({"size": UPDATE}, "~size", ["~ size: 1 => 2"]),
        (
            {"size": UPDATE, "come": ADD, "gone": DELETE},
            "+come-gone~size",
            ["+ come: 6", "- gone: 5", "~ size: 1 => 2"],
        ),
        (
            {"nested.b[1]": UPDATE, "list[2]": ADD, "nested.x.y": ADD},
            "~list,nested",
            [
                *("~ list  : [", "    + [2]: 4", "  ]"),
                *("~ nested: {", "    ~ b: [", "        ~ [1]: 2 => 3", "      ]"),
                *("    ~ x: {", "        + y: [unknown]", "      }", "  }"),
            ],
        ),
        (
            {"made": DELETE, "name": UPDATE, "come.deep": UPDATE, "gone.deep": DELETE},
            "+come-gone,made~name",
            ["+ come: 6", "- gone: 5", '- made: "as a"', '~ name: "a" => "a"'],
        ),
        (
            {"nested": UPDATE},
            "~nested",
            [
                "~ nested: {",
                "    ~ a: 1 => 2",
                "    ~ b: [",
                "          [0]: 1",
                "        ~ [1]: 2 => 3",
                "      ]",
                "  }",
            ],
        ),
        ({"kind": UPDATE, "size": UPDATE}, "~kind,size", ["~ size: 1 => 2"]),
    ],
)
def test_only_the_named_paths_are_shown_when_a_provider_names_them(
    detail: Detail, summary: str, lines: list[str]
) -> None:
    """A path into what only one side has is that whole property; one that neither has is known to nobody."""
    change = _planned(detail)
    assert change.summary() == summary
    assert list(change.lines()) == lines


def test_every_old_input_is_shown_when_a_provider_names_no_path() -> None:
    """It said that something differs and that it cannot say what."""
    assert _planned({}).summary() == ""
    assert '  name  : "a"' in list(_planned({}).lines())


def test_the_old_value_is_an_output_when_the_provider_does_not_say_input() -> None:
    """What is there counts, unless the provider compares with what was asked for."""
    assert list(_planned({"size": UPDATE}, size=7).lines()) == ["~ size: 7 => 2"]
    of_inputs = PathDifference(Kind.UPDATE, of_inputs=True)
    assert list(_planned({"size": of_inputs}, size=7).lines()) == ["~ size: 1 => 2"]


def test_a_named_path_stays_hidden_when_it_leads_into_a_secret() -> None:
    """A secret is opaque: it is the same at every depth."""
    old = _resource({}, {"key": values.secret({"deep": "hush"})})
    new = _resource({"key": values.secret({"deep": "other"})}, {})
    assert list(planned(old, new, {"key.deep": UPDATE}).lines()) == [
        "~ key: {",
        "    ~ deep: [secret] => [secret]",
        "  }",
    ]


def test_a_refresh_shows_the_way_there_when_the_provider_names_the_way_back() -> None:
    """Outputs stand against outputs, inputs against inputs, and what would be added has gone."""
    old, new = _resource({"a": 1}, {"b": 1, "c": 1}), _resource({"a": 2}, {"b": 2})
    of_inputs = PathDifference(Kind.UPDATE, of_inputs=True)
    detail = {"a": of_inputs, "b": UPDATE, "c": ADD}
    assert list(found(old, new, detail).lines()) == ["~ a: 1 => 2", "~ b: 1 => 2", "- c: 1"]


def test_a_refresh_shows_outputs_when_the_inputs_are_the_same() -> None:
    """Without a provider's word, whatever differs is shown, of the inputs first."""
    assert list(found(_resource({"a": 1}, {"b": 1}), _resource({"a": 1}, {"b": 2}), None).lines()) == ["~ b: 1 => 2"]
    assert list(found(_resource({"a": 1}, {"b": 1}), _resource({"a": 2}, {"b": 2}), None).lines()) == ["~ a: 1 => 2"]
