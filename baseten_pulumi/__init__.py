"""Manage the settings of Baseten model environments with Pulumi, and wait until Baseten has applied them."""

from baseten_pulumi.lookup import (
    Deployment,
    Environment,
    InstanceType,
    Model,
    Promotion,
    find_model,
    find_model_output,
    get_environment,
    get_environment_output,
    list_environments,
    list_environments_output,
    list_models,
    list_models_output,
)
from baseten_pulumi.resources.component import BasetenModelEnvironments
from baseten_pulumi.resources.environment import BasetenEnvironment
from baseten_pulumi.resources.in_force import BasetenSettingsInForce
from baseten_pulumi.resources.schedule import BasetenAutoscalingSchedule
from baseten_pulumi.resources.settings import BasetenEnvironmentSettings
from baseten_pulumi.run_errors import hide_interrupts as _hide_interrupts
from baseten_pulumi.stack_config import ModelEnvironmentsArgsDict, models_from_config, settings_from_config
from baseten_pulumi.types import (
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
    ScheduleCadence,
    Weekday,
)
from baseten_pulumi.version import __version__ as __version__

__all__ = [
    "AutoscalingSettings",
    "AutoscalingSettingsArgsDict",
    "BasetenAutoscalingSchedule",
    "BasetenEnvironment",
    "BasetenEnvironmentSettings",
    "BasetenModelEnvironments",
    "BasetenSettingsInForce",
    "Deployment",
    "Environment",
    "EnvironmentArgsDict",
    "InstanceType",
    "Model",
    "ModelEnvironmentsArgsDict",
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
    "ScheduleCadence",
    "Weekday",
    "find_model",
    "find_model_output",
    "get_environment",
    "get_environment_output",
    "list_environments",
    "list_environments_output",
    "list_models",
    "list_models_output",
    "models_from_config",
    "settings_from_config",
]

_hide_interrupts()
