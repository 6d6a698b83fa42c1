"""What `make docs` would fail on, as far as this can be checked without it; every public name is documented."""

import re
from pathlib import Path

import pytest
import yaml

import baseten_pulumi
from baseten_pulumi import testing
from docs import resource_properties
from tests.docs.pages import FOLDER, PAGES, README, ROOT

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|<(https?://[^>]+)>")
_RESOURCES = resource_properties.PAGE.read_text(encoding="utf-8")
_EXTRAS = ("fastapi", "starlette", "uvicorn")
_HOSTS = frozenset({"www.baseten.co", "app.baseten.co", "www.pulumi.com"})


def test_every_page_is_in_the_navigation_when_there() -> None:
    """And every entry of it is a page."""
    nav = yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert sorted(re.findall(r"[\w-]+\.md", nav)) == [page.name for page in PAGES]


def test_every_public_name_is_in_the_reference_when_exported() -> None:
    """Those of the package and of `testing`; the reference has no other name. Resources have a page of their own."""
    page = (FOLDER / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"^::: (\S+)$", page, re.MULTILINE)
    found += [f"baseten_pulumi.{name}" for name in re.findall(r"^## (Baseten\w+)$", _RESOURCES, re.MULTILINE)]
    expected = [f"baseten_pulumi.{name}" for name in baseten_pulumi.__all__]
    expected += [f"baseten_pulumi.testing.{name}" for name in [*testing.__all__, "fixtures"]]
    assert sorted(found) == sorted(expected)


def test_inputs_and_outputs_are_those_of_the_classes_when_listed() -> None:
    """After a change of a resource, `python -m docs.resource_properties` writes them again."""
    assert resource_properties.updated(_RESOURCES) == _RESOURCES


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.stem)
def test_links_lead_to_files_or_known_hosts_when_followed(page: Path) -> None:
    """From a page of the site to another one, from the README to any file, with the anchor of one of its headings."""
    for match in _LINK.finditer(page.read_text(encoding="utf-8")):
        link = match[1] or match[2]
        path, _, anchor = link.partition("#")
        linked = page.parent / path if path else page
        if "://" in link:
            assert link.startswith("https://"), link
            assert link.split("/")[2] in _HOSTS, link
        else:
            assert linked.exists() if page == README else linked in PAGES, link
            assert not anchor or anchor in _anchors(linked.read_text(encoding="utf-8")), link


def test_versions_are_those_of_the_requirements_when_listed() -> None:
    """What is supported is what is tested: the lowest versions and the newest ones."""
    page = (FOLDER / "versions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (\S+) \| (\S+) \|$", page, re.MULTILINE)
    lowest, newest = (_pins(ROOT / f"requirements-{name}.txt") for name in ("oldest", "dev"))
    assert rows == [(name, lowest[name], newest[name]) for name in ("pulumi", "httpx", "pydantic", *_EXTRAS)]


def _pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def _anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}
