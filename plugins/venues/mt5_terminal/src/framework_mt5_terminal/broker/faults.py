"""What goes wrong on request: calls that are refused, lost, late or wedged."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

KINDS = {"retcode", "lost", "wedge", "requote", "close_socket", "cut"}
TIMELESS = {"retcode", "requote", "cut"}
"""A refusal is neither before nor after what it refuses."""
WHENS = {"before", "after"}


@dataclass(slots=True)
class Fault:
    """One kind of trouble for the next `count` calls named `on`."""

    kind: str
    on: str
    when: str
    count: int
    seconds: float
    retcode: int
    code: int

    def strikes(self, call: str) -> bool:
        """Whether this call is one of them."""
        return self.count > 0 and self.on in {call, "any"}


class Faults:
    """The faults that are armed; each strikes as often as it was asked to."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self.struck: list[dict[str, Any]] = []
        self.ipc_down = False
        self.released = asyncio.Event()
        """Set when calls that hang are let go."""
        self.history_lag = 0.0

    def arm(self, *, kind: str, on: str = "order_send", when: str = "after", count: int = 1,
            seconds: float = 1.0, retcode: int = 10006, code: int = -10005) -> None:  # fmt: skip
        """Arm one.

        Raises:
            ValueError: There is no such kind, or no such moment.
        """
        if kind not in KINDS or when not in WHENS:
            raise ValueError(f"a fault is one of {sorted(KINDS)}, {sorted(WHENS)}; not {kind!r}, {when!r}")
        self._armed.append(Fault(kind, on, when, count, seconds, retcode, code))

    def disarm(self) -> None:
        """Nothing goes wrong any more."""
        self._armed.clear()
        self.released.set()
        self.released = asyncio.Event()
        self.ipc_down = False

    def due(self, call: str, when: str, kinds: set[str]) -> Fault | None:
        """The first fault for a call; it counts as struck."""
        for fault in self._armed:
            timely = fault.when == when or fault.kind in TIMELESS
            if fault.kind in kinds and timely and fault.strikes(call):
                fault.count -= 1
                self.struck.append({"kind": fault.kind, "on": call, "when": when, "at": time.time()})
                return fault
        return None

    @property
    def armed(self) -> int:
        """How many strikes are left."""
        return sum(fault.count for fault in self._armed)
