"""Load the fixtures of baseten-pulumi."""

pytest_plugins = ["baseten_pulumi.testing.plugin"]
