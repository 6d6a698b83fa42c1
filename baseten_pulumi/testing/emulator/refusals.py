"""How the API says no."""


class RefusalError(Exception):
    """End a request with a status and a message, without any effect."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def no_such_model(model_id: str) -> RefusalError:
    """Say that the account has no such model."""
    return RefusalError(404, f"Model {model_id} not found")


def no_such_environment(model_id: str, env_name: str) -> RefusalError:
    """Say that the model exists and has no such environment."""
    return RefusalError(404, f"Environment {env_name} not found for model {model_id}")
