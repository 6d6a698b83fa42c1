"""The parts of README and documentation that are written by scripts, each between two markers."""

import re


def replaced(page: str, name: str, text: str) -> str:
    """Return a page with other text between the markers of that name.

    Raises:
        ValueError: the markers are not there exactly once.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    between = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
    updated, count = between.subn(lambda _: text, page)
    if count != 1:
        raise ValueError(f"the page must hold {begin} and {end} once, each on a line of its own")
    return updated
