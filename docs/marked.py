"""The parts of the README that are written by scripts, each between two markers."""

import re


def replaced(readme: str, name: str, text: str) -> str:
    """Return a README with other text between the markers of that name.

    Raises:
        ValueError: the markers are not there exactly once.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    between = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
    updated, count = between.subn(lambda _: text, readme)
    if count != 1:
        raise ValueError(f"README.md must hold {begin} and {end} once, each on a line of its own")
    return updated
