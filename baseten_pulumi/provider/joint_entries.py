"""What is wrong with the environments that a joint wait is given.

The package writes them itself, from resources that were checked: ranges are not judged again, and Baseten may report
what no program may declare. What could not be read at all is refused with its name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.fields import flatten
from baseten_pulumi.provider.checking import object_failures
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.judging import Failure, shown

_RULE = "must be a whole number, or for settings true, false, a word or an object of them"


def entry_failures(path: str, resource_id: str, entry: Any) -> Iterator[Failure]:
    """Yield what is wrong with one environment; nothing where it is not known yet."""
    place = f'{path}["{resource_id}"]'
    try:
        Identity.parse(resource_id)
    except ConfigurationError:
        yield Failure(place, "must stand under model_id/env_name")
    if isinstance(entry, Unknown):
        return
    yield from (Failure(place, failure.reason) for failure in object_failures(entry))
    if isinstance(entry, Mapping):
        unread: dict[str, Any] = {name: value for name, value in flatten(entry).items() if not _can_be_read(value)}
        count = entry.get("requests")
        if isinstance(count, (str, list, tuple, Mapping)) or not _can_be_read(count):
            unread["requests"] = count
        yield from (Failure(f"{place}.{name}", f"{_RULE}, got {shown(value)}") for name, value in unread.items())


def _can_be_read(value: Any) -> bool:
    """Tell whether all numbers in a value are whole."""
    if isinstance(value, Mapping):
        return all(map(_can_be_read, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_can_be_read, value))
    return not isinstance(value, float) or value.is_integer()
