import pytest

from docs import settings_table


def test_page_has_the_current_table_when_it_is_compared() -> None:
    """After a change of the table, `python -m docs.settings_table` writes it again."""
    page = settings_table.PAGE.read_text(encoding="utf-8")
    assert settings_table.updated(page) == page


def test_old_table_is_replaced_when_the_page_is_updated() -> None:
    """The text around the markers stays; a page without markers is refused."""
    page = "before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n"
    expected = f"before\n<!-- settings -->\n{settings_table.table()}<!-- /settings -->\nafter\n"
    assert settings_table.updated(page) == expected
    with pytest.raises(ValueError, match="must hold"):
        settings_table.updated("# no table\n")
