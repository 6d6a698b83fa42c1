import pytest

from baseten_pulumi.schema.settings import FIELDS, GROUPS
from docs import settings_table


def test_page_has_the_current_table_when_it_is_compared() -> None:
    """Each setting has a row, below its object, that ends with its source."""
    page = settings_table.PAGE.read_text(encoding="utf-8")
    assert settings_table.updated(page) == page
    fields = [field for group in GROUPS for field in FIELDS.values() if field.group == group]
    rows = [line for line in settings_table.table().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [field.name for field in fields]
    assert all(row.endswith(f" | {field.source} |") for row, field in zip(rows, fields, strict=True))


@pytest.mark.parametrize(
    "start",
    [
        "| **`promotion_settings.rolling_deploy_config`** |  |  |  |  |  |",
        "| `concurrency_target` | int | ≥ 1 requests per replica | 1 | Concurrent requests per replica before",
        "| `autoscaling_window` | int | 10–3600 s | 60 | How far back",
        "| `target_in_flight_tokens` | int | tokens |  | Tokens in flight",
        "| `rolling_deploy` | bool |  | false | Whether promotions",
        "| `rolling_deploy_strategy` | str | `REPLICA` | `REPLICA` | The unit",
    ],
)
def test_row_has_type_range_unit_and_default_when_there_are_any(start: str) -> None:
    """Words of the API are code; units are short where everybody knows the abbreviation."""
    assert any(row.startswith(start) for row in settings_table.table().splitlines())


def test_old_table_is_replaced_when_the_page_is_updated() -> None:
    """The text around the markers stays; a page without markers is refused."""
    page = "before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n"
    expected = f"before\n<!-- settings -->\n{settings_table.table()}<!-- /settings -->\nafter\n"
    assert settings_table.updated(page) == expected
    with pytest.raises(ValueError, match="must hold"):
        settings_table.updated("# no table\n")
