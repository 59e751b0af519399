"""What became of a drill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework.drill.terms import Breach


@dataclass(slots=True)
class Outcome:
    """What became of a seed.

    Attributes:
        seed: Which.
        hash: Of its schedule.
        breaches: The invariants that do not hold.
        problems: What else went wrong: a node that did not start in peace, or ended by itself.
        kills: How often the node was killed.
        unclean: How often the engine gave up on a stop: nothing was lost, and it took ten seconds.
        recoveries: Seconds from the start of a process that followed a kill until its strategies ran.
        orders: Orders the exchange took from the node.
        fills: Trades of the account.
        seconds: How long it took.
        measured: Other figures, in seconds, by what they say.
    """

    seed: int
    hash: str
    breaches: tuple[Breach, ...] = ()
    problems: list[str] = field(default_factory=list)
    kills: int = 0
    unclean: int = 0
    recoveries: list[float] = field(default_factory=list)
    orders: int = 0
    fills: int = 0
    seconds: float = 0.0
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True when nothing is broken."""
        return not self.breaches and not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain values, for JSON."""
        return {
            "seed": self.seed,
            "schedule": self.hash,
            "ok": self.ok,
            "breaches": [str(breach) for breach in self.breaches],
            "problems": self.problems,
            "kills": self.kills,
            "unclean_stops": self.unclean,
            "recoveries": [round(seconds, 3) for seconds in self.recoveries],
            "orders": self.orders,
            "fills": self.fills,
            "seconds": round(self.seconds, 1),
            "measured": {what: round(seconds, 4) for what, seconds in self.measured.items()},
        }
