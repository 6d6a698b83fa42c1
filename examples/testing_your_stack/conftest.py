"""Let the tests here use the fixtures of baseten-pulumi."""

pytest_plugins = ["baseten_pulumi.testing.plugin"]
