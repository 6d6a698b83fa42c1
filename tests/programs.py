"""Programs for the end-to-end tests of the resource, and what Baseten was sent because of them."""

from baseten_pulumi.testing import Emulator

MODEL = "lm4chat8"

_SETTINGS = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

settings = BasetenEnvironmentSettings(
    "chat",
    model_id={model!r},
    env_name={environment!r},
    autoscaling_settings={autoscaling!r},
    promotion_settings={promotion!r},
    {more}
)
pulumi.export("min", settings.autoscaling_settings.apply(lambda it: it and it.min_replica))
pulumi.export("repr", settings.autoscaling_settings.apply(lambda it: repr(it and it.min_replica)))
pulumi.export("status", settings.status)
pulumi.export("in_force", settings.in_force)
"""


def program(
    autoscaling: object = None,
    promotion: object = None,
    *,
    model: str = MODEL,
    environment: str = "production",
    more: str = "",
) -> str:
    """Return a program that declares the settings of one environment, under the name chat.

    Args:
        autoscaling: Its autoscaling settings.
        promotion: Its promotion settings.
        model: Its model.
        environment: Its name.
        more: Further arguments, as source.
    """
    return _SETTINGS.format(
        autoscaling=autoscaling, promotion=promotion, model=model, environment=environment, more=more
    )


def timeout(seconds: int) -> str:
    """Return the argument that limits create and update."""
    limits = f'pulumi.CustomTimeouts(create="{seconds}s", update="{seconds}s")'
    return f"opts=pulumi.ResourceOptions(custom_timeouts={limits})"


def patches(emulator: Emulator) -> list[object]:
    """Return the bodies of the PATCHes Baseten received."""
    return [request.body for request in emulator.requests if request.method == "PATCH"]


def reported(emulator: Emulator, setting: str) -> object:
    """Return an autoscaling setting of the production environment, as Baseten reports it."""
    return emulator.reported(MODEL, "production")["autoscaling_settings"][setting]
