"""Manage the settings of Baseten model environments with Pulumi, and wait until they are in force."""

from baseten_pulumi.barrier import BasetenSettingsInForce
from baseten_pulumi.component import BasetenModelEnvironments
from baseten_pulumi.lookup import (
    find_model,
    find_model_output,
    get_environment,
    get_environment_output,
    list_environments,
    list_environments_output,
)
from baseten_pulumi.program.found import Environment, Model, Promotion
from baseten_pulumi.resource import BasetenEnvironmentSettings
from baseten_pulumi.settings import (
    AutoscalingOverrides,
    AutoscalingOverridesArgsDict,
    AutoscalingSchedule,
    AutoscalingScheduleArgsDict,
    AutoscalingScheduleCadence,
    AutoscalingScheduleSettings,
    AutoscalingScheduleSettingsArgsDict,
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
    Weekday,
)
from baseten_pulumi.stack_config import settings_from_config
from baseten_pulumi.version import __version__ as __version__

__all__ = [
    "AutoscalingOverrides",
    "AutoscalingOverridesArgsDict",
    "AutoscalingSchedule",
    "AutoscalingScheduleArgsDict",
    "AutoscalingScheduleCadence",
    "AutoscalingScheduleSettings",
    "AutoscalingScheduleSettingsArgsDict",
    "AutoscalingSettings",
    "AutoscalingSettingsArgsDict",
    "BasetenEnvironmentSettings",
    "BasetenModelEnvironments",
    "BasetenSettingsInForce",
    "Environment",
    "EnvironmentArgsDict",
    "Model",
    "Promotion",
    "PromotionCleanupStrategy",
    "PromotionSettings",
    "PromotionSettingsArgsDict",
    "RequestBackpressurePolicy",
    "RequestBackpressureSettings",
    "RequestBackpressureSettingsArgsDict",
    "RollingDeployConfig",
    "RollingDeployConfigArgsDict",
    "RollingDeployStrategy",
    "Weekday",
    "find_model",
    "find_model_output",
    "get_environment",
    "get_environment_output",
    "list_environments",
    "list_environments_output",
    "settings_from_config",
]
