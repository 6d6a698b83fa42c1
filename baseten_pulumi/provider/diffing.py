"""What an update would change, decided offline from the last outputs and the new inputs."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.fields import AUTOSCALING, PROMOTION, flatten

_IDENTITY = ("model_id", "env_name")
_JUDGED = (*_IDENTITY, AUTOSCALING, PROMOTION)


def replaced_by(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Return the properties whose change means another environment; one not known yet does not force it."""
    return [name for name in _IDENTITY if not isinstance(news.get(name), Unknown) and news.get(name) != olds.get(name)]


def has_changes(olds: Mapping[str, Any], news: Mapping[str, Any], *, is_waiting: bool) -> bool:
    """Tell whether an update is due.

    A change of a managed setting, its addition or its removal counts, and so does a model or environment not known yet.
    `wait` itself does not count. But where settings were never seen in force, there is still to wait if waiting is on,
    and to send if Baseten's word on them is not on record.
    """
    if any(isinstance(value, Unknown) for name in _JUDGED for value in _all_values(news.get(name))):
        return True
    if replaced_by(olds, news) or flatten(olds) != flatten(news):
        return True
    is_sent = olds.get("status") is not None
    return olds.get("in_force") is not True and (is_waiting or not is_sent)


def _all_values(value: Any) -> Iterator[Any]:
    if not isinstance(value, Mapping):
        yield value
        return
    for inner in value.values():
        yield from _all_values(inner)
