"""Keep secrets off the disk: a salted hash stands in a checkpoint for every secret's text."""

import hashlib
import secrets
from typing import Any

from baseten_pulumi.testing.engine import values

_ROUNDS = 2_000  # about a millisecond a secret: dear to a guesser with a word list, cheap to a test


class Vault:
    """Mask the secrets of one stack and recognise them again when the program brings them back."""

    def __init__(self, salt: str = "") -> None:
        self.salt = salt or secrets.token_hex(16)
        self._digests: dict[str, str] = {}

    def masked(self, value: Any) -> Any:
        """Replace every secret's text by its salted hash."""
        if values.is_secret(value):
            return value if values.is_masked(value) else self._envelope(value["value"])
        if isinstance(value, dict):
            return {key: self.masked(item) for key, item in value.items()}
        return [self.masked(item) for item in value] if isinstance(value, list) else value

    def restored(self, old: Any, new: Any) -> Any:
        """Give masked secrets their text back where the new value at the same path has the same hash."""
        if values.is_masked(old):
            text = values.revealed(new)
            return values.secret(text) if self._envelope(text) == old else old
        if values.is_secret(old) or values.is_secret(new):
            return old
        if isinstance(old, dict) and isinstance(new, dict):
            return {key: self.restored(item, new[key]) if key in new else item for key, item in old.items()}
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            return [self.restored(*pair) for pair in zip(old, new, strict=True)]
        return old

    def _envelope(self, text: Any) -> values.Properties:
        return {values.SIGNATURE: values.SECRET, "ciphertext": f"local-engine:{self._digest(text)}"}

    def _digest(self, text: Any) -> str:
        plain = values.canonical(values.revealed(text))
        if plain not in self._digests:
            key = hashlib.pbkdf2_hmac("sha256", plain.encode(), self.salt.encode(), _ROUNDS)
            self._digests[plain] = key.hex()
        return self._digests[plain]
