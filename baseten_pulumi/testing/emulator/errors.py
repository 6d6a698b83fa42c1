"""Error responses of the API."""


class ApiError(Exception):
    """End a request with a status and a message, without any effect."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
