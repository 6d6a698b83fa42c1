"""One request for equal reads of a running program; programs that share a process share nothing else."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
import pulumi.runtime

from baseten_pulumi.program.running import PerRun

if TYPE_CHECKING:
    from baseten_pulumi.api.client import BasetenClient

_Answer = TypeVar("_Answer")


@dataclass(eq=False)
class _Program:
    """What one run of a program has asked so far."""

    asked: dict[Hashable, Future[Any]] = field(default_factory=dict)
    is_warned: bool = False


_programs = PerRun(_Program)
_asking = threading.Lock()


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask Baseten.

    Attributes:
        key: What makes it equal to another; a name and arguments.
        ask: Asks it.
    """

    key: Hashable
    ask: "Callable[[BasetenClient], Coroutine[Any, Any, Any]]" = field(compare=False)


def asked(question: Question, after: frozenset[str] = frozenset()) -> Future[Any]:
    """Return where the answer will be; equal questions of a program share one, save those that failed.

    Args:
        question: What to ask.
        after: URNs of the resources that it waited for: what is asked after a change is another question.

    Raises:
        ConfigurationError: there is no API key, or the base URL is malformed.
    """
    from baseten_pulumi.provider.configuration import Configuration
    from baseten_pulumi.provider.session import open_session

    session = open_session(Configuration(pulumi.runtime.config.get_config))
    key = (session, question, after)
    with _asking:
        shared = _programs.get().asked
        if key not in shared or _has_failed(shared[key]):
            # A connection kept for the next program must not keep this one.
            shared[key] = Context().run(session.begin, question.ask(session.client))
        return shared[key]


async def asked_later(question: Question, known: pulumi.Output[Any]) -> Any:
    """Return the answer, or the unknown in a preview without a key.

    Args:
        question: What to ask.
        known: What its arguments came from.

    Raises:
        BasetenError: there was no answer.
    """
    from baseten_pulumi.errors import MissingApiKeyError

    resources = await known.resources()
    urns = await asyncio.gather(*(resource.urn.future() for resource in resources))
    try:
        answer = asked(question, frozenset(urn for urn in urns if urn))
    except MissingApiKeyError:
        if not pulumi.runtime.is_dry_run():
            raise
        _warn_of_missing_key()
        return pulumi.output.UNKNOWN
    return await asyncio.wrap_future(answer)


def _has_failed(answer: Future[Any]) -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)


def _warn_of_missing_key() -> None:
    with _asking:
        program = _programs.get()
        is_first, program.is_warned = not program.is_warned, True
    if is_first:
        pulumi.log.warn(
            "Without an API key this preview asks Baseten nothing: what the program looks up there is unknown. "
            "Set baseten:apiKey or BASETEN_API_KEY to see it."
        )
