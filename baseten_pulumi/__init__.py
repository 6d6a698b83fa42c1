"""Manage the settings of Baseten model environments with Pulumi, and wait until they are in force."""

from baseten_pulumi.barrier import BasetenSettingsInForce
from baseten_pulumi.component import BasetenModelEnvironments
from baseten_pulumi.resource import BasetenEnvironmentSettings
from baseten_pulumi.settings import (
    AutoscalingSettings,
    AutoscalingSettingsArgsDict,
    EnvironmentArgsDict,
    PromotionCleanupStrategy,
    PromotionSettings,
    PromotionSettingsArgsDict,
    RequestBackpressurePolicy,
    RequestBackpressureSettings,
    RequestBackpressureSettingsArgsDict,
    RollingDeployConfig,
    RollingDeployConfigArgsDict,
    RollingDeployStrategy,
)
from baseten_pulumi.stack_config import settings_from_config

__all__ = [
    "AutoscalingSettings",
    "AutoscalingSettingsArgsDict",
    "BasetenEnvironmentSettings",
    "BasetenModelEnvironments",
    "BasetenSettingsInForce",
    "EnvironmentArgsDict",
    "PromotionCleanupStrategy",
    "PromotionSettings",
    "PromotionSettingsArgsDict",
    "RequestBackpressurePolicy",
    "RequestBackpressureSettings",
    "RequestBackpressureSettingsArgsDict",
    "RollingDeployConfig",
    "RollingDeployConfigArgsDict",
    "RollingDeployStrategy",
    "settings_from_config",
]
