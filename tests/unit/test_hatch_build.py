import re

from hatch_build import absolute_links, urls
from tests.docs.pages import README

_ADDRESS = "https://github.com/owner/baseten-pulumi"


def test_links_of_the_readme_are_absolute_when_the_repository_has_an_address() -> None:
    """PyPI shows the README alone. A picture is linked as a file, a page as GitHub shows it."""
    text = absolute_links(README.read_text(encoding="utf-8"), _ADDRESS, "v0.1.0")
    assert re.findall(r"\]\((?!https://|#)[^)]*\)", text) == []
    assert f"({_ADDRESS}/raw/v0.1.0/docs/run.svg)" in text
    assert f"({_ADDRESS}/blob/v0.1.0/docs/quickstart.md)" in text
    assert "(https://www.pulumi.com)" in text
    assert "](#what-has-been-tried)" in text
    assert all(url.startswith(_ADDRESS) for url in urls(_ADDRESS, "v0.1.0").values())


def test_nothing_is_linked_when_the_repository_has_no_address() -> None:
    assert absolute_links("[a](b.md)", "", "v0.1.0") == "[a](b.md)"
    assert urls("", "v0.1.0") == {}
