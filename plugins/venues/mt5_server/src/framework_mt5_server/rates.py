"""How often something may happen."""

from __future__ import annotations

import time


class Bucket:
    """So many a second, and so many at once after a silence: by default as many as in a second."""

    def __init__(self, rate: float, most: float | None = None) -> None:
        self._rate = rate
        self._most = max(1.0, rate if most is None else most)
        self._left, self._at = self._most, time.monotonic()

    def wait(self) -> float:
        """Take one; or the seconds until there is one."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._rate
