"""What one order is worth, in exact decimals.

The engine's own `notional_value` rounds to the currency's smallest unit; a cap compared with a rounded
value can be passed by half a cent an order, so the comparison here is made on the products themselves.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from nautilus_trader.model import OrderSide

from framework import cost_currency

if TYPE_CHECKING:
    from nautilus_trader.model import Currency

    from framework import Proposal

ONE = Decimal(1)


class Worth(msgspec.Struct, frozen=True):
    """What one unit of an order's quantity is worth: `numerator / denominator`, kept apart to stay exact.

    A struct and not a dataclass, because one is made for every order.

    Attributes:
        numerator: Not negative.
        denominator: Greater than zero.
    """

    numerator: Decimal
    denominator: Decimal = ONE

    def of(self, quantity: Decimal) -> Decimal:
        """The worth of a quantity, rounded only by the division."""
        return quantity * self.numerator / self.denominator

    def exceeds(self, quantity: Decimal, cap: Decimal) -> bool:
        """True when the quantity is worth more than the cap."""
        return quantity * self.numerator > cap * self.denominator

    def most(self, cap: Decimal, step: Decimal) -> Decimal:
        """The greatest multiple of `step` worth no more than the cap; the worth must not be zero."""
        return (cap * self.denominator) // (self.numerator * step) * step


def notional(proposal: Proposal, currency: Currency) -> Worth | str:
    """What a unit of the order is worth in the currency, at the worst price it is likely to fill at.

    That price is a limit order's own limit when the venue may not do worse, else the worst of its
    limit, its trigger and the mark. An inverse contract is worth `quantity * multiplier / price` of its
    base currency, or `quantity * multiplier` of its quote currency; a quantity in quote currency is its
    own notional; everything else is worth `quantity * multiplier * price`.

    Returns:
        The worth, or why there is none in that currency.
    """
    instrument = proposal.instrument
    multiplier = instrument.multiplier.as_decimal()
    if instrument.is_inverse:
        if currency == instrument.quote_currency:
            return Worth(multiplier)
        base = cost_currency(instrument)
        if currency == base:
            price = _worst(proposal, dear=False)
            return Worth(multiplier, price) if price else f"{proposal.instrument_id} has a price of zero"
        return _other_currency(proposal, currency, f"{base} or {instrument.quote_currency}")
    money = cost_currency(instrument)
    if currency != money:
        return _other_currency(proposal, currency, str(money))
    if proposal.order.is_quote_quantity:
        return Worth(ONE)
    return Worth(multiplier * _worst(proposal, dear=True))


def units(proposal: Proposal) -> Worth | str:
    """How many units of the instrument a unit of the order's quantity is: one, unless it counts money.

    Returns:
        The worth, or why an order for an amount of money cannot be turned into units.
    """
    if not proposal.order.is_quote_quantity:
        return Worth(ONE)
    if proposal.instrument.is_inverse:
        return f"{proposal.instrument_id} is inverse, and the order's quantity is in quote currency"
    price = min(_prices(proposal))
    if not price:
        return f"{proposal.instrument_id} has a price of zero"
    return Worth(ONE, proposal.instrument.multiplier.as_decimal() * price)


def _worst(proposal: Proposal, *, dear: bool) -> Decimal:
    """The highest price when a high one is worth more, else the lowest."""
    limit = proposal.price
    bounded = OrderSide.BUY if dear else OrderSide.SELL
    if limit is not None and proposal.side == bounded and limit.raw > 0:
        return limit.as_decimal()
    return (max if dear else min)(_prices(proposal))


def _prices(proposal: Proposal) -> list[Decimal]:
    """Every price known of the order, as magnitudes: a spread's may be negative."""
    mark = proposal.mark.price if proposal.mark is not None else None
    known = (proposal.price, proposal.trigger_price, mark)
    return [abs(price.as_decimal()) for price in known if price is not None]


def _other_currency(proposal: Proposal, currency: Currency, instead: str) -> str:
    return (
        f"max_notional is in {currency} and {proposal.instrument_id} is worth {instead}; "
        f"write its max_notional in {instead} under `instruments`"
    )
