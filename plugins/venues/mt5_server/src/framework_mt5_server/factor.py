"""The operator's second factor: a time-based code that is good once, and a lock after wrong ones.

Wrong codes and the lock are in the store, so that a restart forgives nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyotp

if TYPE_CHECKING:
    from framework_mt5_server.store import Store

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A code of the step before or after is good too: clocks differ."""
FAILURES = 5
LOCK_MS = 15 * 60 * 1000
ISSUER = "framework-mt5-server"


class Locked(Exception):  # noqa: N818 - a state, not a malfunction
    """Too many wrong codes; carries the seconds that are left."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong codes; locked for {seconds} s")
        self.seconds = seconds


class Factor:
    """The one second factor of the server."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def renew(self, account: str) -> str:
        """A new secret, as the address that authenticator apps take; whatever was locked is open."""
        secret = pyotp.random_base32(32)
        self._store.run("INSERT OR REPLACE INTO factor VALUES (1, ?, 0, 0, 0)", (secret,))
        return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)

    def accepts(self, code: str, now: float | None = None) -> bool:
        """Whether a code is right, and was not used before.

        Raises:
            Locked: There were too many wrong ones.
        """
        now = time.time() if now is None else now
        with self._store.change() as connection:
            row = connection.execute("SELECT * FROM factor").fetchone()
            if row is None:
                return False
            left = row["locked_until_ms"] - int(now * 1000)
            if left > 0:
                raise Locked(left // 1000 + 1)
            step = self._step(pyotp.TOTP(row["secret"]), code, now)
            if step is not None and step > row["last_step"]:
                connection.execute("UPDATE factor SET last_step = ?, failures = 0", (step,))
                return True
            failures = row["failures"] + 1
            until = int(now * 1000) + LOCK_MS if failures >= FAILURES else 0
            connection.execute(
                "UPDATE factor SET failures = ?, locked_until_ms = ?", (failures % FAILURES, until)
            )
        return False

    @staticmethod
    def _step(totp: pyotp.TOTP, code: str, now: float) -> int | None:
        """The time step a code belongs to; every candidate is compared in constant time."""
        found = None
        for drift in range(-DRIFT_STEPS, DRIFT_STEPS + 1):
            step = int(now) // STEP_SECONDS + drift
            if pyotp.utils.strings_equal(totp.generate_otp(step), code):
                found = step
        return found
