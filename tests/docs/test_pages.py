"""Every block of code in the documentation does what its page says."""

from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator
from tests.docs.following import Reader
from tests.docs.pages import PAGES, README, blocks


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.stem)
def test_every_block_does_what_the_page_says_when_a_reader_follows_it(page: Path, tmp_path: Path) -> None:
    """In the order of the page, in one folder, against an emulator that has its models."""
    with Emulator() as emulator:
        emulator.add_model("abc123", "chat", ["dev", "staging", "production"])
        reader = Reader(tmp_path, emulator)
        for block in blocks(page):
            reader.follow(block)
        reader.finish()
