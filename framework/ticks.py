"""Prices and sizes in the steps that an instrument trades in."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from nautilus_trader.model import Price, Quantity


def tick_beyond(start: Decimal, distance: float, instrument: Any) -> Price:
    """The first tick at least `distance` from `start`: never on its other side, never on it.

    Args:
        start: A price, on a tick or between two.
        distance: In price units, from a model or an indicator; below zero it leads down. Not zero.
        instrument: The engine's instrument.
    """
    # Twelve digits keep every price there is and drop the binary dust that would cost a whole tick.
    exact = start + Decimal(f"{distance:.12g}")
    tick = instrument.price_increment.as_decimal()
    rounding = ROUND_CEILING if distance > 0 else ROUND_FLOOR
    ticks = (exact / tick).to_integral_value(rounding)
    return Price.from_decimal_dp(ticks * tick, instrument.price_precision)


def exact_size(quantity: Quantity, instrument: Any) -> Quantity:
    """A quantity from the settings in the decimals that the instrument trades in.

    Raises:
        ValueError: It has more decimals than that; nothing is rounded.
    """
    size = Quantity.from_decimal_dp(quantity.as_decimal(), instrument.size_precision)
    if size.as_decimal() != quantity.as_decimal():
        raise ValueError(
            f"quantity {quantity} has more decimals than {instrument.id} trades in; "
            f"write one with {instrument.size_precision}"
        )
    return size
