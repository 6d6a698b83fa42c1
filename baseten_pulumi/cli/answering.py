"""How a command ends: with what it printed, or with an error in words on standard error.

What a command is asked for goes to standard output, everything else to standard error. Whoever reads the output
may stop reading: that is no error.
"""

import io
import os
import sys
from collections.abc import Callable
from typing import TextIO

from baseten_pulumi.errors import (
    AuthenticationError,
    BasetenError,
    ConnectionBrokenError,
    NotFoundError,
    PermissionDeniedError,
    RedirectedError,
    RejectedError,
    RequestTimeoutError,
    TransientError,
)

SUCCEEDED, FAILED, MISUNDERSTOOD, INTERRUPTED = 0, 1, 2, 130
EXIT_STATUS = f"""\
exit status:
  {SUCCEEDED:<4} done
  {FAILED:<4} not done; what is in the way stands on standard error
  {MISUNDERSTOOD:<4} the command line is not understood
  {INTERRUPTED:<4} interrupted (Ctrl-C)"""
"""How commands end that ask Baseten, in the words of their help."""

_KEY = "Set BASETEN_API_KEY to a valid key of one who may see the model."
_NETWORK = "Try again; if it stays, check the network, its proxies and BASETEN_BASE_URL."
_REQUEST = "Check the model, the environment and BASETEN_BASE_URL."
# What errors advise is meant for a run of Pulumi.
_ADVICE: dict[type[BasetenError], str] = {
    AuthenticationError: _KEY,
    PermissionDeniedError: _KEY,
    RequestTimeoutError: _NETWORK,
    ConnectionBrokenError: _NETWORK,
    RedirectedError: "Set BASETEN_BASE_URL to the address of Baseten's API itself.",
    RejectedError: _REQUEST,
    TransientError: "Try again in a minute; if it stays, see https://status.baseten.co.",
}


def answered(text: Callable[[], str]) -> int:
    """Print what a command has to say, or why it has nothing to say; return the exit status.

    Args:
        text: Returns what is printed, line ends included.
    """
    try:
        said = text()
    except BasetenError as error:
        return refused(str(_for_a_command(error)))
    say(said)
    return SUCCEEDED


def say(text: str) -> None:
    """Write to standard output at once; once nobody reads it any more, to nobody."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without a character must not end the command
    _write(sys.stdout, text)


def refused(message: str) -> int:
    """Print why a command did nothing; return the exit status."""
    _write(sys.stderr, f"{message}\n")
    return FAILED


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _for_a_command(error: BasetenError) -> BasetenError:
    if type(error) is NotFoundError:  # others of the kind say what is missing, and so what to correct
        return error.restated(advice=_REQUEST)
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), None)
    return error.restated(advice=advice)
