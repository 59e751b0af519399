"""How fast the exchange may be asked, and when it is better not to ask at all."""

from __future__ import annotations

import asyncio
import time

FAILURES = 3
FAILING_SECONDS = 1.0
LONGEST_PAUSE = 30.0


class Pace:
    """So many requests a second, some of them kept for cancellations, and pauses the exchange asks for.

    Args:
        rate: Requests a second, and as many at once after a silence.
        reserve: How many of them only urgent requests may use.
    """

    def __init__(self, rate: int, reserve: int) -> None:
        self._rate = rate
        self._reserve = reserve
        self._tokens = float(rate)
        self._filled = time.monotonic()
        self._quiet_until = 0.0

    @property
    def quiet(self) -> float:
        """Seconds for which the exchange has asked for silence."""
        return max(0.0, self._quiet_until - time.monotonic())

    def hush(self, seconds: float) -> None:
        """Send nothing but urgent requests for `seconds`."""
        self._quiet_until = max(self._quiet_until, time.monotonic() + min(seconds, LONGEST_PAUSE))

    async def turn(self, *, urgent: bool) -> None:
        """Wait until a request may be sent."""
        while True:
            self._fill()
            floor = 0 if urgent else self._reserve
            wait = 0.0 if urgent else self.quiet
            if wait == 0.0 and self._tokens >= floor + 1:
                self._tokens -= 1
                return
            await asyncio.sleep(max(wait, (floor + 1 - self._tokens) / self._rate, 0.001))

    def room(self) -> bool:
        """Whether a request that is not urgent could be sent now."""
        self._fill()
        return self.quiet == 0.0 and self._tokens >= self._reserve + 1

    def _fill(self) -> None:
        now = time.monotonic()
        self._tokens = min(float(self._rate), self._tokens + (now - self._filled) * self._rate)
        self._filled = now


class Breaker:
    """Opens when the exchange fails to answer; while open, only urgent requests and one probe at a time pass.

    It opens at the third failure in a row, or at any failure once nothing has worked for a second.
    """

    def __init__(self) -> None:
        self.opened_at: float | None = None
        self._failures = 0
        self._failing_since = 0.0
        self._probe_at = 0.0
        self._pause = 0.5

    @property
    def open(self) -> bool:
        """Whether the exchange is given up for now."""
        return self.opened_at is not None

    def passes(self) -> bool:
        """Whether a request that is not urgent may be sent; while open, that is the next probe."""
        now = time.monotonic()
        if not self.open:
            return True
        if now < self._probe_at:
            return False
        self._probe_at = now + self._pause
        return True

    def failed(self, started: float) -> None:
        """A request that began at monotonic time `started` had no proper answer."""
        now = time.monotonic()
        if self._failures == 0:
            self._failing_since = started
        self._failures += 1
        if self.open:
            self._pause = min(self._pause * 2, 5.0)
            self._probe_at = now + self._pause
        elif self._failures >= FAILURES or now - self._failing_since >= FAILING_SECONDS:
            self.opened_at = now
            self._pause = 0.5
            self._probe_at = now + self._pause

    def worked(self) -> None:
        """A request had a proper answer."""
        self.opened_at = None
        self._failures = 0
