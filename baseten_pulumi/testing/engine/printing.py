"""Output that nobody may read to its end: `… preview | head -1` is no error, and stops no operation."""

import os
from typing import TextIO


def write(stream: TextIO, text: str) -> None:
    """Write and flush; once whoever read it has gone, write to nobody."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
