"""What a run promised, and what a broken promise looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from framework.drill.record import Held

type Invariant = Literal["I1", "I2", "I3", "I4", "I5", "I6", "I7"]
MS = 1_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One invariant that does not hold.

    Attributes:
        invariant: Which.
        what: In words.
        evidence: The rows that show it.
    """

    invariant: Invariant
    what: str
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}" + "".join(f"\n      {line}" for line in self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run promised.

    Attributes:
        venue: What the node calls the venue.
        caps: The most that may be held or on its way on one side, by instrument; I4 is not judged without.
        held: The latches.
        settled: True when the node had time to hear everything: only then does I1 have to hold.
        clock_ns: How far the venue's stamps may be from the node's.
        latch_ns: How long after a latch an intent may still be written by whoever asked just before it.
        late_ns: How long after a latch an order that was intended before it may still reach the venue.
    """

    venue: str
    caps: Mapping[str, Decimal] = field(default_factory=dict)
    held: Sequence[Held] = ()
    settled: bool = True
    clock_ns: int = 0
    latch_ns: int = 10 * MS
    late_ns: int = 1_000 * MS
