"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# A busy machine is slow, not wrong.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
