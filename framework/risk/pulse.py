"""Whether the node has been awake: what it decided on before it slept is not what is so now.

A suspended machine, a stopped process or a loop that was busy comes back with timers that are due and prices
that are old. Nothing is sent in the first moments, and nothing new on a price from before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.risk.rule import Proposal

ASLEEP = 2.0
"""Seconds without a beat after which the node is taken to have slept."""
LEEWAY = 500_000_000
"""Nanoseconds by which a venue's clock may be behind ours and a price still be of after the sleep."""
BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)
"""The system's clock that goes on while the machine sleeps, as Linux has it; its monotonic one stops."""


def seconds() -> float:
    """Seconds that never go back; where the system has such a clock, they go on while the machine sleeps."""
    return time.monotonic() if BOOTTIME is None else time.clock_gettime(BOOTTIME)


class Pulse:
    """Beaten by the node's loop, and asked before every order.

    Args:
        slept: Called with the seconds of every sleep, once it is over.
        tick: Seconds that never go back.
        clock: Nanoseconds since the epoch, UTC.
        stops: Whether `tick` may stop while the machine sleeps; a jump of `clock` is then taken for a sleep.
    """

    def __init__(
        self,
        slept: Callable[[float], None],
        tick: Callable[[], float] = seconds,
        clock: Callable[[], int] = time.time_ns,
        *,
        stops: bool = BOOTTIME is None,
    ) -> None:
        self._slept = slept
        self._tick = tick
        self._clock = clock
        self._stops = stops
        self._last = tick()
        self._last_clock = clock()
        self._woke: tuple[float, int] | None = None

    def beat(self) -> None:
        """The loop runs."""
        now, clock = self._tick(), self._clock()
        asleep = self._asleep(now, clock)
        self._last, self._last_clock = now, clock
        if asleep > ASLEEP:
            self._woke = (now, clock)
            self._slept(asleep)

    def doubt(self, proposal: Proposal) -> str:
        """Why the proposal rests on what was so before a sleep, or an empty string."""
        if self._asleep(self._tick(), self._clock()) > ASLEEP:
            self.beat()
        if self._woke is None:
            return ""
        at, woke = self._woke
        mark = proposal.mark
        if mark is not None and mark.ts_event >= woke - LEEWAY:
            return ""
        if proposal.reduces and self._tick() - at > ASLEEP:
            return ""
        price = "no price" if mark is None else f"a price of {(woke - mark.ts_event) / 1e9:.1f} s before"
        return f"the node has slept until a moment ago, and has {price} of {proposal.instrument_id}"

    def _asleep(self, now: float, clock: int) -> float:
        """Seconds since the last beat."""
        passed = now - self._last
        jumped = (clock - self._last_clock) / 1e9
        return jumped if self._stops and jumped - passed > ASLEEP else passed
