"""Write the table of settings in the documentation from `baseten_pulumi.schema.settings`.

Run it after a change of that module: `python -m docs.settings_table`. A test compares them.
"""

from collections.abc import Sequence
from pathlib import Path

from baseten_pulumi.schema.settings import FIELDS, GROUPS, Field
from docs.marked import replaced

PAGE = Path(__file__).parent / "settings.md"
_TYPES = {"integer": "int", "boolean": "bool", "enum": "str"}
_SHORT_UNITS = {"seconds": "s", "percent": "%"}
_COLUMNS = ("setting", "type", "allowed", "at Baseten by default", "what it does", "source")


def table() -> str:
    """Return the table in Markdown, with a row for each object and below it a row for each of its settings."""
    rows: list[Sequence[str]] = [_COLUMNS, ["---"] * len(_COLUMNS)]
    for group in GROUPS:
        rows.append((f"**`{group}`**", *[""] * (len(_COLUMNS) - 1)))
        rows += [_row(field) for field in FIELDS.values() if field.group == group]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def updated(page: str) -> str:
    """Return a page with the current table between its markers.

    Raises:
        ValueError: the markers are not there exactly once.
    """
    return replaced(page, "settings", table())


def _row(field: Field) -> tuple[str, ...]:
    default = "" if field.default is None else _shown(field.default)
    return f"`{field.name}`", _TYPES[field.kind], _allowed(field), default, field.meaning, field.source


def _allowed(field: Field) -> str:
    if field.choices:
        return ", ".join(f"`{choice}`" for choice in field.choices)
    unit = _SHORT_UNITS.get(field.unit or "", field.unit or "")
    return " ".join(filter(None, (_range(field), unit)))


def _range(field: Field) -> str:
    if field.minimum is None:
        return ""
    return f"≥ {field.minimum}" if field.maximum is None else f"{field.minimum}–{field.maximum}"


def _shown(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else f"`{value}`" if isinstance(value, str) else str(value)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
