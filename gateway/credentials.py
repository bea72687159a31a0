"""Secrets of API keys: made here, kept only as a salted hash, checked without telling which half was wrong.

A generated secret has 160 bits, so one HMAC-SHA-256 is enough and takes about a microsecond; a slow password hash
would stall every session on the loop while one logs on. A hash is one printable string,
`hmac-sha256$<salt>$<digest>`, salt and digest in hexadecimal.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Final, Protocol

HASH_PATTERN: Final = r"^hmac-sha256\$[0-9a-f]{32}\$[0-9a-f]{64}\Z"

_SECRET_BYTES: Final = 20
_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32


class Credential(Protocol):
    """What a key ring needs of an API key; config.ApiKey is one."""

    @property
    def client_id(self) -> str: ...

    @property
    def secret_hash(self) -> str: ...


def generate_secret() -> str:
    """A new secret: 160 random bits as 40 hexadecimal characters, so that it fits Logon's 48."""
    return secrets.token_hex(_SECRET_BYTES)


def hash_secret(secret: str) -> str:
    """The secret's hash under a new random salt, as one string that matches HASH_PATTERN."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"hmac-sha256${salt.hex()}${_digest(salt, secret.encode('ascii')).hex()}"


class KeyRing:
    """The API keys of one gateway, for checking the clientId and secret of a Logon.

    Args:
        api_keys: the keys, each in the slot of its position in this sequence.

    Raises:
        ValueError: for a hash that does not match HASH_PATTERN (a loaded configuration has none).
    """

    def __init__(self, api_keys: Sequence[Credential] = ()) -> None:
        self._keys: dict[bytes, tuple[int, bytes, bytes]] = {}
        # Answers for every unknown client id: same work, and a digest that no secret has.
        self._unknown = (-1, secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_DIGEST_BYTES))
        for slot, key in enumerate(api_keys):
            self.put(key, slot)

    def put(self, key: Credential, slot: int) -> None:
        """Adds a key, or gives the one of this client id another secret; ValueError as above."""
        self._keys[key.client_id.encode("ascii")] = (slot, *_parsed(key.secret_hash))

    def remove(self, client_id: str) -> None:
        """Nobody logs on with this key any more; it need not be there."""
        self._keys.pop(client_id.encode("ascii"), None)

    def has(self, client_id: str) -> bool:
        """Whether anybody may log on with this key."""
        return client_id.encode("ascii") in self._keys

    def verify(self, client_id: bytes, secret: bytes) -> int:
        """Slot of the key whose secret this is, or -1. NUL bytes at the end of either are padding.

        An unknown client id costs the same work as a wrong secret, and digests are compared in constant time.
        """
        slot, salt, digest = self._keys.get(client_id.rstrip(b"\0"), self._unknown)
        matches = hmac.compare_digest(_digest(salt, secret.rstrip(b"\0")), digest)
        return slot if matches else -1


def _digest(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, "sha256")


def _parsed(secret_hash: str) -> tuple[bytes, bytes]:
    if re.match(HASH_PATTERN, secret_hash) is None:
        raise ValueError("wanted a secret hash as `breakwire keys add` writes it")
    _, salt, digest = secret_hash.split("$")
    return bytes.fromhex(salt), bytes.fromhex(digest)
