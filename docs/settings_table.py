"""Write the README's table of settings from `baseten_pulumi.fields`.

Run it after a change of that module: `python -m docs.settings_table`. A test compares the two.
"""

from pathlib import Path

from baseten_pulumi.fields import FIELDS, GROUPS, Field
from docs.marked import replaced

README = Path(__file__).parent.parent / "README.md"
_TYPES = {"integer": "int", "boolean": "bool"}
_SHORT_UNITS = {"seconds": "s", "percent": "%"}


def table() -> str:
    """Return the table in Markdown, a row for each setting, under a row for each object."""
    rows = ["| setting | type | allowed | at Baseten by default | what it does |", "|---|---|---|---|---|"]
    for group in GROUPS:
        rows.append(f"| **`{group}`** | | | | |")
        rows += [_row(field) for field in FIELDS.values() if field.group == group]
    return "\n".join(rows) + "\n"


def updated(readme: str) -> str:
    """Return a README with the table of today between its markers.

    Raises:
        ValueError: the markers are not there exactly once.
    """
    return replaced(readme, "settings", table())


def _row(field: Field) -> str:
    default = "" if field.default is None else _word(field.default)
    cells = (f"`{field.name}`", _type(field), _allowed(field), default, field.meaning)
    return f"| {' | '.join(cells)} |"


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
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
