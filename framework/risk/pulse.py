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


class Pulse:
    """Beaten by the node's loop, and asked before every order.

    Args:
        slept: Called with the seconds of every sleep, once it is over.
        tick: Seconds that never go back and go on while the machine sleeps.
        clock: Nanoseconds since the epoch, UTC.
    """

    def __init__(
        self,
        slept: Callable[[float], None],
        tick: Callable[[], float] = time.monotonic,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._slept = slept
        self._tick = tick
        self._clock = clock
        self._last = tick()
        self._woke: tuple[float, int] | None = None

    def beat(self) -> None:
        """The loop runs."""
        now = self._tick()
        asleep, self._last = now - self._last, now
        if asleep > ASLEEP:
            self._woke = (now, self._clock())
            self._slept(asleep)

    def doubt(self, proposal: Proposal) -> str:
        """Why the proposal rests on what was so before a sleep, or an empty string."""
        if self._tick() - self._last > ASLEEP:
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
