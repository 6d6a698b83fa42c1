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


def test_readme_holds_todays_table_when_compared(renderer: ModuleType) -> None:
    """README.md's table is the one rendered from the fields; `python -m docs.settings_table` rewrites it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"<!-- settings -->\n{renderer.table()}<!-- /settings -->\n" in readme
    assert renderer.updated(readme) == readme


def test_documentation_holds_todays_tables_when_compared(renderer: ModuleType) -> None:
    """The page of settings says of each one where its range comes from, and has a row for each part of a schedule."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert renderer.updated_page(page) == page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [*(field.name for field in _sorted_fields()), *PLAIN_PARTS]
    assert all(row.rstrip(" |").endswith(field.source) for row, field in zip(rows, _sorted_fields(), strict=False))


def test_every_setting_has_a_row_when_rendered(renderer: ModuleType) -> None:
    """The table names each setting once, under its object."""
    rows = renderer.table().splitlines()
    names = [field.name for field in _sorted_fields()]
    assert [row.split("`")[1] for row in rows if row.startswith("| `")] == names


def test_stale_table_is_replaced_when_the_readme_is_updated(renderer: ModuleType) -> None:
    """Whatever stands between the markers goes, everything else stays."""
    text = "before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n"
    expected = f"before\n<!-- settings -->\n{renderer.table()}<!-- /settings -->\nafter\n"
    assert renderer.updated(text) == expected


def test_update_is_refused_when_the_markers_are_missing(renderer: ModuleType) -> None:
    """A README without the markers is not touched."""
    with pytest.raises(ValueError, match="must hold"):
        renderer.updated("# no table\n")
