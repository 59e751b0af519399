"""From what an entry may cost to a quantity the venue takes: always down, never up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderSide, Quantity

from framework import APPROVE, Deny, Resize

if TYPE_CHECKING:
    from framework import Market, Proposal, Verdict

MOST = Decimal(34_028_236_692_093)
"""The engine's greatest quantity."""


@dataclass(frozen=True, slots=True)
class PerUnit:
    """What one unit of quantity takes of a budget: `numerator / denominator`, kept apart to stay exact.

    Attributes:
        numerator: Greater than zero.
        denominator: Greater than zero.
    """

    numerator: Decimal = Decimal(1)
    denominator: Decimal = Decimal(1)


def sized(
    proposal: Proposal, market: Market, budget: Decimal, unit: PerUnit, reason: str, *, whole_lots: bool
) -> Verdict:
    """The largest quantity whose opening part takes no more than the budget.

    An order that first closes an opposite position keeps what it needs for that.

    Args:
        proposal: The entry.
        market: Where its position is.
        budget: What may be taken, in whatever the unit is counted in.
        unit: What one unit of quantity takes of it.
        reason: How the budget came about.
        whole_lots: Round to the lot size.
    """
    instrument: Any = proposal.instrument
    if proposal.order.is_quote_quantity:
        return Deny("an order for an amount of money cannot be sized; submit it in units of the instrument")
    increment = instrument.size_increment.as_decimal()
    lot = instrument.lot_size
    step = lot.as_decimal() if whole_lots and lot is not None else increment
    if step % increment:
        return Deny(
            f"the lot size {step} of {proposal.instrument_id} is no multiple of its increment {increment}"
        )
    most = instrument.max_quantity.as_decimal() if instrument.max_quantity is not None else MOST
    if budget * unit.denominator > unit.numerator * most:
        if instrument.max_quantity is None:
            return Deny(f"{reason}: that is more than an order can hold")
        opens = most // step * step
        reason = f"{reason}, held to the most an order may have"
    else:
        opens = (budget * unit.denominator) // (unit.numerator * step) * step
    least = max(instrument.min_quantity.as_decimal() if instrument.min_quantity is not None else step, step)
    if opens < least:
        return Deny(f"{reason}: {opens:f} {proposal.instrument_id} is below the least of {least:f}")
    total = min(opens + closes_first(proposal, market), most // increment * increment)
    quantity = Quantity.from_decimal_dp(total, instrument.size_precision)
    return APPROVE if quantity == proposal.quantity else Resize(quantity, reason)


def closes_first(proposal: Proposal, market: Market) -> Decimal:
    """How much of the order closes an opposite position before it opens anything.

    Zero where each order opens a position of its own (`oms: hedging`): only a netted position carries the
    name of its instrument and strategy.
    """
    held = proposal.position
    opposite = held < 0 if proposal.side == OrderSide.BUY else held > 0
    if not opposite:
        return Decimal(0)
    netted = any(
        position.instrument_id == proposal.instrument_id
        and str(position.id) == f"{position.instrument_id}-{position.strategy_id}"
        for position in market.open_positions(proposal.strategy_id)
    )
    return abs(held) if netted else Decimal(0)
