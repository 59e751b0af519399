"""Who may ask: API keys, signatures and the time a request was made at."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from framework_binance_sim.refusals import (
    BAD_KEY,
    BAD_KEY_FORMAT,
    BAD_SIGNATURE,
    LONG_WINDOW,
    TOO_EARLY,
    TOO_OLD,
    Refused,
    missing,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WINDOW_MS = 5_000
LONGEST_WINDOW_MS = 60_000
AHEAD_US = 1_000_000
MICROSECONDS_FROM = 10**14
"""A timestamp this large is in microseconds."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and what its signatures are checked with.

    Attributes:
        name: The API key as it is sent.
        kind: How requests are signed.
        secret: The HMAC secret, or the public key.
    """

    name: str
    kind: Literal["hmac", "rsa", "ed25519"]
    secret: Any

    @classmethod
    def public(cls, name: str, pem: bytes) -> Key:
        """A key of which only the public part is known here.

        Raises:
            ValueError: It is no PEM of an RSA or Ed25519 public key.
        """
        key = load_pem_public_key(pem)
        if isinstance(key, ed25519.Ed25519PublicKey):
            return cls(name, "ed25519", key)
        if isinstance(key, rsa.RSAPublicKey):
            return cls(name, "rsa", key)
        raise ValueError(f"the public key of {name} is neither RSA nor Ed25519")

    def signed(self, payload: str, signature: str) -> bool:
        """Whether `signature` is this key's for `payload`."""
        data = payload.encode()
        if self.kind == "hmac":
            expected = hmac.new(self.secret.encode(), data, hashlib.sha256).hexdigest()
            return hmac.compare_digest(expected.encode(), signature.lower().encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            if self.kind == "ed25519":
                self.secret.verify(raw, data)
            else:
                self.secret.verify(raw, data, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class KeyRing:
    """The API keys that exist. All of them belong to the one account."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.name: key for key in keys}

    def known(self, name: str | None) -> Key:
        """The key called `name`.

        Raises:
            Refused: There is none.
        """
        if not name:
            raise Refused(BAD_KEY_FORMAT, status=401)
        key = self._keys.get(name)
        if key is None:
            raise Refused(BAD_KEY, status=401)
        return key

    def check(self, name: str | None, fields: Mapping[str, str], payload: str, now_us: int) -> Key:
        """The key that signed a request of this moment.

        Args:
            name: The API key as sent.
            fields: The request's parameters, with `timestamp`, `signature` and perhaps `recvWindow`.
            payload: What was signed.
            now_us: The exchange's time in microseconds.

        Raises:
            Refused: With the exchange's code for what is wrong.
        """
        key = self.known(name)
        signature = fields.get("signature")
        if not fields.get("timestamp"):
            raise missing("timestamp")
        if not signature:
            raise missing("signature")
        if not key.signed(payload, signature):
            raise Refused(BAD_SIGNATURE)
        in_time(fields, now_us)
        return key


def in_time(fields: Mapping[str, str], now_us: int) -> None:
    """Refuse a request that is older than its window, or a second or more ahead of the exchange.

    Raises:
        Refused: With the exchange's code.
    """
    try:
        stamp = int(fields["timestamp"])
        window = Decimal(fields.get("recvWindow") or WINDOW_MS)
    except (KeyError, ValueError):
        raise missing("timestamp") from None
    except InvalidOperation:
        raise missing("recvWindow") from None
    if not 0 <= window <= LONGEST_WINDOW_MS:
        raise Refused(LONG_WINDOW)
    stamp_us = stamp if stamp >= MICROSECONDS_FROM else stamp * 1_000
    if stamp_us >= now_us + AHEAD_US:
        raise Refused(TOO_EARLY)
    if now_us - stamp_us > window * 1_000:
        raise Refused(TOO_OLD)


def unsigned(raw: str) -> str:
    """Encoded parameters without their signature: what a REST signature is made of."""
    return "&".join(part for part in raw.split("&") if not part.startswith("signature="))


def sorted_payload(params: Mapping[str, str]) -> str:
    """What a WebSocket API signature is made of: the parameters by name."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
