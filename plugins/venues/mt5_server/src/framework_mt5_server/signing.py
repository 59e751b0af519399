"""Signed requests: an Ed25519 signature over what is asked and when, good once.

The server keeps public keys only. What is signed is, each on a line of its own: the timestamp in
milliseconds, the nonce, the method, the path with its query, and the SHA-256 of the body in hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework_mt5_server.keys import Key
    from framework_mt5_server.store import Store

TIME_HEADER, NONCE_HEADER, SIGNATURE_HEADER = "x-timestamp", "x-nonce", "x-signature"
NONCE_CHARACTERS = range(8, 65)


def new_pair() -> tuple[str, str]:
    """A private key and its public key, both in base64."""
    private = Ed25519PrivateKey.generate()
    return _text(private.private_bytes_raw()), _text(private.public_key().public_bytes_raw())


def message(timestamp: str, nonce: str, method: str, target: str, body: bytes) -> bytes:
    """What is signed."""
    return "\n".join((timestamp, nonce, method, target, hashlib.sha256(body).hexdigest())).encode()


class Signatures:
    """Checks signatures, and remembers nonces for as long as they could be used again."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._ms = int(seconds * 1000)

    def trouble(
        self, key: Key, headers: Mapping[str, str], method: str, target: str, body: bytes
    ) -> str | None:
        """Why a request is not accepted as signed by a key's owner; None when it is."""
        stamp, nonce = headers.get(TIME_HEADER, ""), headers.get(NONCE_HEADER, "")
        if key.signer is None:
            return "this key has no public key to check a signature with"
        if not (stamp.isascii() and stamp.isdigit()) or len(nonce) not in NONCE_CHARACTERS:
            return f"{TIME_HEADER} in milliseconds, {NONCE_HEADER} and {SIGNATURE_HEADER} are needed"
        now = int(time.time() * 1000)
        if abs(now - int(stamp)) > self._ms:
            return "the timestamp is too far from this server's clock"
        try:
            signature = base64.b64decode(headers.get(SIGNATURE_HEADER, ""), validate=True)
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.signer, validate=True))
            public.verify(signature, message(stamp, nonce, method, target, body))
        except (InvalidSignature, binascii.Error, ValueError):
            return "the signature does not fit"
        with self._store.change() as connection:
            connection.execute("DELETE FROM nonces WHERE at_ms < ?", (now - 2 * self._ms,))
            done = connection.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", (key.id, nonce, now))
            return None if done.rowcount else "the nonce was used before"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
