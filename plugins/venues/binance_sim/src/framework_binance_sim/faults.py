"""What goes wrong on request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST_KINDS = ("status", "silence", "drop", "garbage", "slow")
STREAM_KINDS = ("lose", "duplicate", "late", "reorder")
_TEXTS: dict[int, tuple[int, str]] = {
    403: (0, "Forbidden"),
    408: (
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    ),
    500: (-1000, "An unknown error occured while processing the request."),
    502: (-1006, "An unexpected response was received from the message bus. Execution status unknown."),
    503: (-1001, "Internal error; unable to process your request. Please try again."),
    504: (
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    ),
}


@dataclass(slots=True)
class Fault:
    """Something that will go wrong.

    Attributes:
        kind: What: one of `REQUEST_KINDS`, or of `STREAM_KINDS` for private messages.
        on: Of which requests: an action such as `order.place`, or `any`; or of which private event.
        when: Before the request is done, or after.
        count: How often.
        seconds: How long silence or slowness lasts, or how late a message is.
        status: The HTTP status of a `status`.
    """

    kind: str
    on: str = "any"
    when: str = "before"
    count: int = 1
    seconds: float = 1.0
    status: int = 504

    def body(self) -> dict[str, Any]:
        """What a `status` answers with."""
        code, text = _TEXTS.get(
            self.status, (-1000, "An unknown error occured while processing the request.")
        )
        return {"code": code, "msg": text}


class Faults:
    """What is armed, and what has struck.

    Attributes:
        armed: What will go wrong, in the order it was asked for.
        struck: What went wrong, as (kind, on, when).
        latency: Seconds that every request takes.
        refuse_streams: New WebSockets are refused.
        muted: WebSockets stay open and say nothing.
    """

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.struck: list[tuple[str, str, str]] = []
        self.latency = 0.0
        self.refuse_streams = False
        self.muted = False

    def arm(self, wish: dict[str, Any]) -> Fault:
        """Arm a fault.

        Raises:
            ValueError: There is no such fault.
        """
        unknown = wish.keys() - set(Fault.__dataclass_fields__)
        if unknown or wish.get("kind") not in (*REQUEST_KINDS, *STREAM_KINDS):
            kinds = ", ".join((*REQUEST_KINDS, *STREAM_KINDS))
            raise ValueError(
                f"{wish} is no fault: `kind` is one of {kinds}; `on`, `when`, `count`, `seconds`, `status`"
            )
        fault = Fault(**wish)
        if fault.when not in {"before", "after"}:
            raise ValueError("`when` is before or after")
        self.armed.append(fault)
        return fault

    def strike(self, kinds: tuple[str, ...], on: str, when: str = "before") -> Fault | None:
        """The fault that hits this now, counted."""
        for fault in self.armed:
            if fault.kind in kinds and fault.on in {"any", on} and fault.when == when:
                fault.count -= 1
                if fault.count <= 0:
                    self.armed.remove(fault)
                self.struck.append((fault.kind, on, when))
                return fault
        return None

    def clear(self) -> None:
        """Disarm everything and make every condition good again."""
        self.armed.clear()
        self.latency = 0.0
        self.refuse_streams = self.muted = False


class Courier:
    """Delivers the events of an account in the way the armed faults have it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: list[Callable[[], None]] = []

    def deliver(self, event: str, tell: Callable[[], None]) -> None:
        """Call `tell` once; never, twice, later, or after the next one when a fault strikes the event."""
        fault = self._faults.strike(STREAM_KINDS, event)
        match None if fault is None else fault.kind:
            case "lose":
                return
            case "late":
                asyncio.get_running_loop().call_later(fault.seconds if fault else 0, tell)
                return
            case "reorder":
                self._held.append(tell)
                return
            case "duplicate":
                tell()
        tell()
        held, self._held = self._held[::-1], []
        for earlier in held:
            earlier()
