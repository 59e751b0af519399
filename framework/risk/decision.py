"""What the gate did to an order, or to a strategy, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One intervention of the gate: never an approval, which leaves only the order itself.

    Attributes:
        ts: When, in nanoseconds since the epoch, UTC.
        verdict: `deny` and `resize` concern one order; `flatten` and `halt` concern a scope.
        rule: The `id:` of the rule that decided, or `gate` for the gate's own checks.
        reason: Why, in words for the trader.
        scope: The strategy's `id:`; for `flatten` and `halt`, the strategies covered, comma-separated.
        action: `submit`, `modify` or an empty string when no order is concerned.
        instrument_id: The instrument, or an empty string.
        client_order_id: The order, or an empty string.
        side: `BUY`, `SELL` or an empty string.
        quantity: What was proposed, as a decimal string, or an empty string.
        resized_to: What was sent instead, as a decimal string, or an empty string.
    """

    ts: int
    verdict: Literal["deny", "resize", "flatten", "halt"]
    rule: str
    reason: str
    scope: str
    action: str = ""
    instrument_id: str = ""
    client_order_id: str = ""
    side: str = ""
    quantity: str = ""
    resized_to: str = ""

    def to_dict(self) -> dict[str, str | int]:
        """The record as plain values, in the order of the attributes."""
        return asdict(self)
