"""How a request proves who sent it: HMAC-SHA256 over time, method, path and body."""

from __future__ import annotations

import hashlib
import hmac

KEY_HEADER = "X-SIM-KEY"
TIME_HEADER = "X-SIM-TIMESTAMP"
WINDOW_HEADER = "X-SIM-WINDOW"
SIGNATURE_HEADER = "X-SIM-SIGNATURE"
SESSION_HEADER = "X-SIM-SESSION"
AHEAD_MS = 1_000
"""How far a request's time may be ahead of the exchange's."""


def signature(secret: str, *, timestamp_ms: str, window_ms: str, method: str, path: str, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 of `timestamp window METHOD path-with-query newline body`."""
    head = f"{timestamp_ms} {window_ms} {method.upper()} {path}\n".encode()
    return hmac.new(secret.encode(), head + body, hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Whether two signatures are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())
