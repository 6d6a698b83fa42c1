"""A warning of `baseten:` keys in the stack's configuration that nothing reads."""

import functools

import pulumi
import pulumi.runtime

from baseten_pulumi.config import KEYS, NAMESPACE
from baseten_pulumi.schema.validate import unknown_property


@functools.cache
def warn_of_unknown_keys(project: str, _stack: str) -> None:
    """Warn of each unknown key; once for each stack that a process runs.

    In a project called "baseten" every key of the program itself has that namespace too.
    """
    if project == NAMESPACE:
        return
    configured = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    known = [key.partition(":")[2] for key in KEYS]
    for key in sorted(configured):
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE and name not in known:
            pulumi.log.warn(f"Stack configuration {key} is ignored: {unknown_property(name, known)}")
