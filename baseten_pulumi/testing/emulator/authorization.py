"""Who may send requests: `Authorization: Api-Key <key>` or `Bearer <key>`."""

from baseten_pulumi.testing.emulator.refusals import RefusalError

_SCHEMES = ("api-key", "bearer")


def admitted_key(header: str | None, allowed_key: str | None) -> str:
    """Return the key a request carries.

    Args:
        header: The Authorization header; None without one.
        allowed_key: The only key let in; None for any that is not empty.

    Raises:
        RefusalError: 401 without a key in a known scheme, 403 for a key that is not let in.
    """
    scheme, _, key = (header or "").partition(" ")
    key = key.strip()
    if scheme.lower() not in _SCHEMES or not key:
        raise RefusalError(401, "Authentication credentials were not provided or are malformed")
    if allowed_key is not None and key != allowed_key:
        raise RefusalError(403, "The API key is not valid for this organization")
    return key
