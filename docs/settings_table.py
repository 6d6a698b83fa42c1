"""Write the tables of settings in the documentation from `baseten_pulumi.fields` and `schedule_fields`.

Run it after a change of those modules: `python -m docs.settings_table`. A test compares them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from baseten_pulumi.fields import FIELDS, GROUPS, Field
from baseten_pulumi.schedule_fields import PLAIN_PARTS
from docs.marked import replaced

PAGE = Path(__file__).parent / "settings.md"
_TYPES = {"integer": "int", "boolean": "bool"}
_SHORT_UNITS = {"seconds": "s", "percent": "%"}
_COLUMNS = ("setting", "type", "allowed", "at Baseten by default", "what it does", "source")
_PARTS_COLUMNS = ("part", "type", "allowed", "left out", "what it does")


def table() -> str:
    """Return the table in Markdown, a row for each setting, under a row for each object."""
    rows = []
    for group in GROUPS:
        rows.append((f"**`{group}`**", *[""] * (len(_COLUMNS) - 1)))
        rows += [(*_row(field), field.source) for field in FIELDS.values() if field.group == group]
    return _table(_COLUMNS, rows)


def schedules_table() -> str:
    """Return the table of the parts of a schedule that are no lists or objects."""
    return _table(_PARTS_COLUMNS, [_row(field) for field in PLAIN_PARTS.values()])


def updated(page: str) -> str:
    """Return the documentation's page of settings with the tables of today between their markers.

    Raises:
        ValueError: the markers are not there exactly once.
    """
    return replaced(replaced(page, "settings", table()), "schedules", schedules_table())


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruler = "|---" * len(columns) + "|"
    return "\n".join([_line(columns), ruler, *map(_line, rows)]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def _row(field: Field) -> tuple[str, ...]:
    default = "" if field.default is None else _word(field.default)
    return f"`{field.name}`", _type(field), _allowed(field), default, field.meaning


def _type(field: Field) -> str:
    return _TYPES.get(field.kind, "str")


def _allowed(field: Field) -> str:
    if field.choices:
        return ", ".join(f"`{choice}`" for choice in field.choices)
    unit = _SHORT_UNITS.get(field.unit or "", field.unit or "")
    return " ".join(filter(None, (_range(field), unit)))


def _range(field: Field) -> str:
    if field.minimum is None:
        return ""
    return f"≥ {field.minimum}" if field.maximum is None else f"{field.minimum}–{field.maximum}"


def _word(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else f"`{value}`" if isinstance(value, str) else str(value)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
