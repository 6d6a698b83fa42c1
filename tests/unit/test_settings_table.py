import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from baseten_pulumi.fields import FIELDS, GROUPS, Field
from baseten_pulumi.schedule_fields import PLAIN_PARTS

ROOT = Path(__file__).parents[2]


def _sorted_fields() -> list[Field]:
    return [field for group in GROUPS for field in FIELDS.values() if field.group == group]


@pytest.fixture(scope="module")
def renderer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settings_table", ROOT / "docs" / "settings_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_documentation_holds_todays_tables_when_compared(renderer: ModuleType) -> None:
    """The page of settings says of each one where its range comes from, and has a row for each part of a schedule."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert renderer.updated(page) == page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [*(field.name for field in _sorted_fields()), *PLAIN_PARTS]
    assert all(row.rstrip(" |").endswith(field.source) for row, field in zip(rows, _sorted_fields(), strict=False))


def test_every_setting_has_a_row_when_rendered(renderer: ModuleType) -> None:
    """The table names each setting once, under its object."""
    rows = renderer.table().splitlines()
    names = [field.name for field in _sorted_fields()]
    assert [row.split("`")[1] for row in rows if row.startswith("| `")] == names


def test_stale_tables_are_replaced_when_the_page_is_updated(renderer: ModuleType) -> None:
    """Whatever stands between the markers goes, everything else stays."""
    stale = "".join(f"before\n<!-- {name} -->\nold\n<!-- /{name} -->\nafter\n" for name in ("settings", "schedules"))
    updated = renderer.updated(stale)
    assert updated.startswith(f"before\n<!-- settings -->\n{renderer.table()}<!-- /settings -->\nafter\n")
    assert updated.endswith(f"<!-- schedules -->\n{renderer.schedules_table()}<!-- /schedules -->\nafter\n")


def test_update_is_refused_when_the_markers_are_missing(renderer: ModuleType) -> None:
    """A page without the markers is not touched."""
    with pytest.raises(ValueError, match="must hold"):
        renderer.updated("# no table\n")
