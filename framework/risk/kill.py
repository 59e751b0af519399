"""The kill switch: a latch that lets only exits through, once pulled, until a person resets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Latch:
    """One pull of the switch.

    Attributes:
        scope: A strategy's `id:`, or `*` for every strategy.
        reason: Why, in words for the trader.
        rule: The `id:` of the rule that pulled it, or `gate`.
        ts: When, in nanoseconds since the epoch, UTC.
        flat: Whether positions are kept closed while it holds, or left as they are.
    """

    scope: str
    reason: str
    rule: str
    ts: int
    flat: bool = True


class KillSwitch:
    """Which strategies may not take new risk, and since when.

    Latching the same scope twice keeps the first latch: what matters to a trader is what went wrong first.
    Only one that keeps positions closed takes the place of one that leaves them, and comes before it.

    Attributes:
        closed: Why nothing at all may be sent any more, exits neither: the node is ending. Empty otherwise.
    """

    ALL = "*"

    def __init__(self) -> None:
        self.closed = ""
        self._latches: dict[str, Latch] = {}

    def latch(self, latch: Latch) -> bool:
        """Pull the switch; True when it was not already pulled for that scope, or left its positions."""
        known = self._latches.get(latch.scope)
        if known is not None and (known.flat or not latch.flat):
            return False
        self._latches[latch.scope] = latch
        return True

    def disable(self, latch: Latch) -> bool:
        """Pull the switch for one strategy, whose code is not to be called again; True when it was not so."""
        return self.latch(latch)

    def release(self, scope: str) -> None:
        """Take one latch off; a wider one may still hold."""
        self._latches.pop(scope, None)

    def close(self, reason: str) -> None:
        """Let nothing through any more, for as long as the process lives; the first reason stays."""
        self.closed = self.closed or reason

    @property
    def armed(self) -> bool:
        """True when `holds` has to be asked."""
        return bool(self._latches or self.closed)

    def holds(self, strategy_id: str, venue: str = "") -> Latch | None:  # noqa: ARG002 - for switches that know venues
        """The latch that stops the strategy at the venue, or None."""
        if not self._latches:
            return None
        return foremost(self._latches, (self.ALL, strategy_id))

    @property
    def latches(self) -> tuple[Latch, ...]:
        """Every latch, in the order they were pulled."""
        return tuple(self._latches.values())


def foremost(latches: Mapping[str, Latch], scopes: Iterable[str]) -> Latch | None:
    """Of the latches of some scopes the first one, and one that keeps positions closed before all others."""
    held = (latches[scope] for scope in scopes if scope in latches)
    return min(held, key=lambda latch: not latch.flat, default=None)
