"""Adding up what is held and what is on its way, for the worst that can come of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from framework import Proposal

ZERO = Decimal(0)


@dataclass(slots=True)
class Line:
    """One strategy in one instrument; every amount without a sign.

    Attributes:
        long: Held long.
        short: Held short.
        buys: On its way or working to buy.
        sells: On its way or working to sell.
    """

    long: Decimal = ZERO
    short: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO

    def gross(self, *, hedging: bool) -> Decimal:
        """The most that can be held when any of the orders fill.

        Both sides at a hedging venue, which it is in any case when both sides are held.
        """
        if hedging or (self.long and self.short):
            return self.long + self.short + self.buys + self.sells
        held = self.long - self.short
        return max(held + self.buys, self.sells - held)


class Tally:
    """Lines by strategy and instrument.

    Args:
        value: What a quantity of an instrument counts for, given the instrument, the quantity and the prices
            of an order.
        money: What an order for an amount of money counts for, given the instrument and the amount.
    """

    def __init__(self, value: Callable[..., Decimal], money: Callable[[Any, Decimal], Decimal]) -> None:
        self.lines: dict[tuple[Any, Any], Line] = {}
        self._value = value
        self._money = money

    def hold(self, positions: Iterable[Any]) -> None:
        """Add open positions."""
        for position in positions:
            amount = self._value(position.instrument_id, position.quantity.as_decimal())
            line = self._line(position.strategy_id, position.instrument_id)
            if position.is_long:
                line.long += amount
            else:
                line.short += amount

    def expect(self, orders: Iterable[Any], *, but: Any = None) -> None:
        """Add what is left of orders, all but one of them."""
        for order in orders:
            if but is None or order.client_order_id != but:
                prices = (getattr(order, "price", None), getattr(order, "trigger_price", None))
                self._order(order, order.instrument_id, order.leaves_qty.as_decimal(), *prices)

    def propose(self, proposal: Proposal) -> None:
        """Add what a proposal would leave working."""
        order = proposal.order
        left = proposal.quantity.as_decimal() - order.filled_qty.as_decimal()
        self._order(order, proposal.instrument_id, max(left, ZERO), proposal.price, proposal.trigger_price)

    def gross(self, *, hedging: bool) -> Decimal:
        """The most that can be held, long and short added up."""
        total = ZERO
        for line in self.lines.values():
            total += line.gross(hedging=hedging)
        return total

    def net(self, *, offset: bool = True) -> Decimal:
        """The most that can be held on one side, once long and short are set off.

        Args:
            offset: Whether what is held on one side makes room for orders on the other.
        """
        held, buys, sells = ZERO, ZERO, ZERO
        for line in self.lines.values():
            held += line.long - line.short
            buys += line.buys
            sells += line.sells
        if not offset:
            return max(max(held, ZERO) + buys, sells - min(held, ZERO))
        return max(held + buys, sells - held)

    def _order(self, order: Any, instrument_id: Any, left: Decimal, *prices: Any) -> None:
        if order.is_quote_quantity:
            amount = self._money(instrument_id, left)
        else:
            amount = self._value(instrument_id, left, *prices)
        line = self._line(order.strategy_id, instrument_id)
        if order.is_buy:
            line.buys += amount
        else:
            line.sells += amount

    def _line(self, strategy_id: Any, instrument_id: Any) -> Line:
        key = (strategy_id, instrument_id)
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = Line()
        return line
