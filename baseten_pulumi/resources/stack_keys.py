"""Warnings of the `baseten:` keys in the stack's configuration."""

import functools

import pulumi
import pulumi.runtime

from baseten_pulumi.config import API_KEY, NAMES, NAMESPACE, unread
from baseten_pulumi.schema.validate import unknown_property


@functools.cache
def warn_of_keys(project: str, _stack: str) -> None:
    """Warn of each key that nothing reads, and of an API key in plain text; once for each stack that a process runs.

    In a project called "baseten" every key of the program itself has that namespace too.
    """
    configured = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    for name in unread(configured) if project != NAMESPACE else ():
        pulumi.log.warn(f"Stack configuration {NAMESPACE}:{name} is ignored: {unknown_property(name, NAMES)}")
    if API_KEY in configured and not pulumi.runtime.config.is_config_secret(API_KEY):
        pulumi.log.warn(
            f"{API_KEY} is stored in plain text in the stack's configuration and state. "
            f"Run `pulumi config set --secret {API_KEY} KEY` with a new key, and delete the old key in Baseten."
        )
