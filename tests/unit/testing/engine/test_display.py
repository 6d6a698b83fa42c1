"""What a run looks like."""

import io

import pytest

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.changes import Change
from baseten_pulumi.testing.engine.display import Display
from baseten_pulumi.testing.engine.steps import Op

URN = "urn:pulumi:dev::p::pulumi-python:dynamic/tests:Thing::a"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def display(*, dry_run: bool = False, diff: bool = False) -> Display:
    shown = Display(io.StringIO(), show_diff=diff, colour=False)
    shown.begin("Updating (dev):", dry_run=dry_run)
    return shown


def rows(shown: Display) -> list[str]:
    return shown.text.splitlines()[2:]


def test_a_row_has_sign_word_type_and_name_when_a_step_begins_and_ends() -> None:
    """Doing, then done with its time; the differing properties are named."""
    shown = display()
    shown.step(Op.UPDATE, URN, Change({"a": 1}, {"a": 2}))
    shown.done(Op.UPDATE, URN)
    first, second = rows(shown)
    assert first == " ~  updating  tests:Thing  a  [diff: ~a]"
    assert second.startswith(" ~  updated  tests:Thing  a  (0.0")


def test_a_row_says_what_would_be_done_when_it_is_a_preview() -> None:
    """Nothing begins or ends in a preview."""
    shown = display(dry_run=True)
    shown.step(Op.CREATE_REPLACEMENT, URN, Change({"a": 1}, {"a": 2}))
    shown.done(Op.CREATE_REPLACEMENT, URN)
    assert rows(shown) == [" ++ create replacement  tests:Thing  a  [diff: ~a]"]


def test_properties_are_shown_when_differences_are_asked_for() -> None:
    """Created and deleted resources whole, changed ones by what changed, the rest not."""
    shown = display(dry_run=True, diff=True)
    shown.step(Op.CREATE, URN, Change({}, {"a": 1}))
    shown.step(Op.DELETE, URN, Change({"a": 1}, {}))
    shown.step(Op.REPLACE, URN, Change({"a": 1}, {"a": 2}))
    shown.step(Op.CREATE_REPLACEMENT, URN, Change({"a": 1}, {"a": 2}))
    shown.refreshed(Op.UPDATE, URN, Change({"a": 1}, {"a": 2}))
    assert [row for row in rows(shown) if row.startswith("      ")] == [
        "      + a: 1",
        "      - a: 1",
        "      ~ a: 1 => 2",
        "      ~ a: 1 => 2",
    ]


def test_a_refresh_shows_only_what_differs_when_it_is_done() -> None:
    """What is as it was is only counted."""
    shown = display()
    shown.refreshed(Op.SAME, URN)
    shown.refreshed(Op.DELETE, URN)
    shown.refreshed(Op.UPDATE, URN, Change({"a": 1}, {"a": 2}))
    assert rows(shown) == [" -  deleted  tests:Thing  a", " ~  updated  tests:Thing  a  [diff: ~a]"]
    assert shown.counts == {"same": 1, "delete": 1, "update": 1}
    shown.forget_findings()
    assert not any(shown.counts.values())


def test_a_status_is_shown_once_when_it_is_sent_again_and_again() -> None:
    """One line per change, whole whatever the message holds."""
    shown = display()
    shown.step(Op.UPDATE, URN)
    for text in ("waiting for\n2 settings", "waiting for\n2 settings", "waiting for 1", "waiting for\n2 settings"):
        shown.status(URN, text)
    assert [row.rpartition("  ")[2] for row in rows(shown)[1:]] == [
        "waiting for 2 settings",
        "waiting for 1",
        "waiting for 2 settings",
    ]
    preview = display(dry_run=True)
    preview.status(URN, "looking")
    assert rows(preview) == ["    same  tests:Thing  a  looking"]


def test_messages_come_again_in_full_when_the_run_is_over() -> None:
    """The row has the first line; Diagnostics the whole text, by resource, notes without a prefix."""
    shown = display()
    shown.step(Op.CREATE, URN)
    shown.message("warning", URN, "mind\nthe gap")
    shown.failed(Op.CREATE, URN, "no\n\n  luck\n")
    shown.message("info", "", "done\n")
    before = len(shown.text)
    shown.diagnostics()
    assert rows(shown)[1:4] == [
        " +  tests:Thing  a  warning: mind",
        " +  **creating failed**  tests:Thing  a  error: no",
        "     done",
    ]
    assert shown.text[before:] == (
        "Diagnostics:\n"
        "  tests:Thing (a):\n    warning: mind\n    the gap\n    error: no\n\n      luck\n\n"
        "  pulumi:pulumi:Stack:\n    done\n\n"
    )
    assert shown.counts == {"errored": 1}


def test_nothing_is_said_under_diagnostics_when_there_was_nothing() -> None:
    """No empty headings."""
    shown = display()
    shown.diagnostics()
    shown.outputs({}, {})
    assert rows(shown) == []


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({}, {"a": 1}, ["  + a: 1"]),
        ({"a": 1}, {"a": 2, "b": values.secret("s")}, ["  ~ a: 1 => 2", "  + b: [secret]"]),
        ({"a": [1]}, {"a": [1]}, ["    a: [", "        [0]: 1", "    ]"]),
        ({"a": 1}, {}, ["  - a: 1"]),
    ],
)
def test_outputs_show_how_they_differ_when_a_run_is_over(
    old: dict[str, object], new: dict[str, object], lines: list[str]
) -> None:
    """New, changed and gone ones have their signs."""
    shown = display()
    shown.outputs(old, new)
    assert rows(shown) == ["Outputs:", *lines, ""]


def test_unchanged_outputs_are_left_out_when_it_is_a_preview() -> None:
    """A preview is about what would change."""
    shown = display(dry_run=True)
    shown.outputs({"a": 1}, {"a": 1})
    assert rows(shown) == []


def test_an_output_that_only_the_operation_tells_is_left_out_when_it_had_a_value_before() -> None:
    """It need not change; a new one is shown, and names are as wide as the longest."""
    shown = display(dry_run=True)
    shown.outputs({"a": 1, "long": 2}, {"a": values.UNKNOWN, "b": values.UNKNOWN, "long": 3})
    assert rows(shown) == ["Outputs:", "  + b   : [unknown]", "  ~ long: 2 => 3", ""]


def test_the_summary_has_pulumis_words_when_a_run_is_over() -> None:
    """One kind of change needs no sum."""
    shown = display()
    shown.counts.update({"create": 1, "same": 2})
    shown.summary(0.4)
    assert rows(shown) == ["Resources:", "    + 1 created", "    2 unchanged", "", "Duration: 1s", ""]
    shown = display()
    shown.counts.update({"create": 1, "replace": 2, "errored": 1, "same": 3, "read": 4})
    shown.summary(61.6)
    assert rows(shown) == [
        "Resources:", "    + 1 created", "    +-2 replaced", "    3 changes. 3 unchanged", "    1 errored", "",
        "Duration: 62s", "",
    ]  # fmt: skip
    shown = display(dry_run=True)
    shown.counts.update({"update": 1, "delete": 1})
    shown.summary(1)
    assert rows(shown) == ["Resources:", "    ~ 1 to update", "    - 1 to delete", "    2 changes.", ""]


def test_signs_are_coloured_when_a_person_may_be_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only on a terminal, never with NO_COLOR, always when asked."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    streams = {"terminal": Terminal(), "plain": io.StringIO(), "quiet": Terminal(), "asked": io.StringIO()}
    displays = [Display(streams["terminal"]), Display(streams["plain"]), Display(streams["asked"], colour=True)]
    monkeypatch.setenv("NO_COLOR", "1")
    displays.append(Display(streams["quiet"]))
    for shown in displays:
        shown.step(Op.CREATE, URN)
    coloured = {name for name, stream in streams.items() if "\x1b[32m+ \x1b[0m" in stream.getvalue()}
    assert coloured == {"terminal", "asked"}
    assert "\x1b" not in streams["plain"].getvalue() + streams["quiet"].getvalue()
