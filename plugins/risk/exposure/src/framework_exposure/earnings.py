"""What each strategy has made or lost, worked out from its own fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderSide

from framework import cost_currency

if TYPE_CHECKING:
    from nautilus_trader.model import Currency, InstrumentId, OrderFilled

    from framework import Market
    from framework_exposure.valuation import Valuation

ZERO = Decimal(0)


@dataclass(slots=True)
class Account:
    """One strategy's money since the start.

    Attributes:
        units: What it holds of each instrument, signed.
        cash: What it has paid and been paid, commissions included, by currency.
    """

    units: dict[InstrumentId, Decimal] = field(default_factory=dict)
    cash: dict[Currency, Decimal] = field(default_factory=dict)


class Earnings:
    """Keeps one account a strategy.

    Args:
        market: What the rule may look at.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._accounts: dict[str, Account] = {}

    def add(self, fill: OrderFilled) -> None:
        """Book a fill."""
        account = self._accounts.setdefault(self._market.owner(fill), Account())
        instrument: Any = self._market.instrument(fill.instrument_id)
        bought = fill.last_qty.as_decimal() * (1 if fill.order_side == OrderSide.BUY else -1)
        name = fill.instrument_id
        _add(account.cash, cost_currency(instrument), -_worth(instrument, bought, fill.last_px.as_decimal()))
        account.units[name] = account.units.get(name, ZERO) + bought
        if fill.commission is not None:
            _add(account.cash, fill.commission.currency, -fill.commission.as_decimal())

    def total(self, strategy_id: str, valuation: Valuation) -> Decimal:
        """Profit, or loss below zero, of what is closed and what is open, in the valuation's currency.

        Raises:
            UnpricedError: Something it holds or was paid in cannot be valued.
        """
        account = self._accounts.get(strategy_id)
        if account is None:
            return ZERO
        sums = dict(account.cash)
        for name, units in account.units.items():
            if units:
                instrument: Any = self._market.instrument(name)
                _add(sums, cost_currency(instrument), _worth(instrument, units, valuation.price(name)))
        return sum((valuation.money(currency, amount) for currency, amount in sums.items() if amount), ZERO)


def _worth(instrument: Any, units: Decimal, price: Decimal) -> Decimal:
    """What units are worth at a price: an inverse contract gains as its reciprocal falls."""
    multiplier: Decimal = instrument.multiplier.as_decimal()
    return -units * multiplier / price if instrument.is_inverse else units * multiplier * price


def _add(sums: dict[Currency, Decimal], currency: Currency, amount: Decimal) -> None:
    sums[currency] = sums.get(currency, ZERO) + amount
