"""What `make docs` would fail on, as far as this can be checked without it; every public name is documented."""

import re

import yaml

import baseten_pulumi
from baseten_pulumi import testing
from tests.docs.pages import FOLDER, PAGES, README, ROOT

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|<(https?://[^>]+)>")
_HOSTS = frozenset({"www.baseten.co", "app.baseten.co", "www.pulumi.com"})


def _pages_of_nav(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in entries for page in _pages_of_nav(entry)]  # type: ignore[attr-defined] # a list


def test_every_page_is_in_the_navigation_when_there() -> None:
    """And every entry of it is a page."""
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(_pages_of_nav(config["nav"])) == [page.name for page in PAGES]


def test_every_public_name_is_in_the_reference_when_exported() -> None:
    """Those of the package and of `testing`; the reference has no other name."""
    page = (FOLDER / "api.md").read_text(encoding="utf-8")
    expected = [f"baseten_pulumi.{name}" for name in baseten_pulumi.__all__]
    expected += [f"baseten_pulumi.testing.{name}" for name in [*testing.__all__, "plugin"]]
    assert sorted(re.findall(r"^::: (\S+)$", page, re.MULTILINE)) == sorted(expected)


def test_links_lead_to_pages_or_known_hosts_when_followed() -> None:
    """A link leads to a page of the site, with the anchor of one of its headings, or over https to a known host."""
    for page in PAGES:
        for match in _LINK.finditer(page.read_text(encoding="utf-8")):
            target = match[1] or match[2]
            if "://" in target:
                assert re.match(r"https://([^/]+)", target)[1] in _HOSTS, f"{page.name}: {target}"  # type: ignore[index] # a link of another form fails
                continue
            name, _, anchor = target.partition("#")
            linked = (FOLDER / name) if name else page
            assert linked in PAGES, f"{page.name}: {target}"
            assert not anchor or anchor in _anchors(linked.read_text(encoding="utf-8")), f"{page.name}: {target}"


def test_links_of_the_readme_lead_to_files_or_known_hosts_when_followed() -> None:
    """It is read in the repository, so a link is a path in it, with the anchor of one of the page's headings."""
    links = [match[1] or match[2] for match in _LINK.finditer(README.read_text(encoding="utf-8"))]
    assert any(link.startswith("docs/") for link in links)
    for link in links:
        path, _, anchor = link.partition("#")
        if "://" in link:
            assert link.split("/")[2] in _HOSTS, link
        else:
            assert (ROOT / path).exists(), link
            assert not anchor or anchor in _anchors((ROOT / path).read_text(encoding="utf-8")), link


def _anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}
