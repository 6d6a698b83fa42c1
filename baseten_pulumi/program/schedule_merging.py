"""An environment's autoscaling schedules over the defaults of its model, by name, whether they are known yet or not."""

from collections.abc import Mapping
from typing import Any

import pulumi

from baseten_pulumi.settings import LATER

_LIST = (list, tuple)
_LISTS = ("schedules", "delete_schedules")


def merged_schedules(defaults: Any, own: Any) -> Any:
    """Lay schedules over default ones, each as a whole. What is named in either own list is taken off the default ones.

    None takes the default out: of a list, or of the whole object. A default timezone goes with the last schedule: alone
    it could never be in force. Where anything is not known yet, all of it is merged once it is, and the result is then
    an Output.
    """
    from baseten_pulumi.fields import holds

    if own is not None and holds([defaults, own], LATER):
        return pulumi.Output.all(defaults, own).apply(lambda known: merged_schedules(*known))
    if not (isinstance(own, Mapping) and isinstance(defaults, Mapping)):
        return own
    named = [_name(item) for listed in _LISTS if isinstance(own.get(listed), _LIST) for item in own[listed]]
    lists = {
        listed: [*(it for it in defaults[listed] if _name(it) not in named), *own.get(listed, ())]
        for listed in _LISTS
        if isinstance(defaults.get(listed), _LIST) and isinstance(own.get(listed, ()), _LIST)
    }
    both = {**defaults, **own, **lists}
    is_idle = "timezone" not in own and not both.get("schedules")
    return {name: it for name, it in both.items() if not (is_idle and name == "timezone")}


def _name(item: Any) -> Any:
    return item.get("name") if isinstance(item, Mapping) else item
