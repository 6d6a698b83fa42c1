"""Manage the settings of Baseten model environments with Pulumi, and wait until they are in force."""

from baseten_pulumi.resource import BasetenEnvironmentSettings
from baseten_pulumi.settings import (
    AutoscalingSettings,
    AutoscalingSettingsArgsDict,
    PromotionCleanupStrategy,
    PromotionSettings,
    PromotionSettingsArgsDict,
    RollingDeployConfig,
    RollingDeployConfigArgsDict,
    RollingDeployStrategy,
)

__all__ = [
    "AutoscalingSettings",
    "AutoscalingSettingsArgsDict",
    "BasetenEnvironmentSettings",
    "PromotionCleanupStrategy",
    "PromotionSettings",
    "PromotionSettingsArgsDict",
    "RollingDeployConfig",
    "RollingDeployConfigArgsDict",
    "RollingDeployStrategy",
]
