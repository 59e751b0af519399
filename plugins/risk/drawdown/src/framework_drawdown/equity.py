"""The account's equity in one currency, read no more often than it can have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import CompositionError

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_trader.model import Currency, InstrumentId

    from framework import Market
    from framework_drawdown.settings import BreakerConfig

IDLE = 100
"""Marks between two readings while the strategies covered hold nothing.

Their own doing cannot change equity then; another strategy's on the same account can.
"""


class Equity:
    """Reads one account.

    Args:
        market: What the rule may look at.
        config: Which account and currency.

    Raises:
        CompositionError: An instrument under `valued_by` does not turn anything into the watched currency.
    """

    def __init__(self, market: Market, config: BreakerConfig) -> None:
        self._market = market
        self._venue = config.venue
        self._currency = config.watched
        self._rates = dict(_rate(market, name, self._currency) for name in config.valued_by)
        self._traded = True
        self._skipped = 0
        self.flat = False

    def now(self) -> Decimal | None:
        """Balance plus unrealised profit, or None while a part of it is not known."""
        sums = self._market.equity(self._venue)
        own = sums.get(self._currency)
        total = own.as_decimal() if own is not None else None
        if not self._rates:
            return total
        for currency, money in sums.items():
            rate = self._rates.get(currency)
            if rate is None or money.raw == 0:
                continue
            mark = self._market.mark(rate[0])
            if mark is None or mark.price.raw <= 0:
                return None
            price = mark.price.as_decimal()
            worth = money.as_decimal() / price if rate[1] else money.as_decimal() * price
            total = worth if total is None else total + worth
        return total

    @property
    def settled(self) -> bool:
        """True when no price can change equity: nothing is held, in positions or in other currencies."""
        return self.flat and not self._rates

    def unknown(self) -> str:
        """Why `now` has nothing to say."""
        held = ", ".join(str(money) for money in self._market.equity(self._venue).values()) or "nothing yet"
        return f"equity in {self._currency} at {self._venue} is not known: the account holds {held}"

    def traded(self) -> None:
        """Take note of a fill: what is held has changed."""
        self._traded = True

    def due(self) -> bool:
        """True when equity may have changed since the last reading."""
        if self._traded:
            self._traded = False
            self._skipped = 0
            self.flat = not self._market.open_positions()
            return True
        if not self.settled:
            return True
        self._skipped += 1
        if self._skipped < IDLE:
            return False
        self._skipped = 0
        return True


def _rate(market: Market, name: InstrumentId, into: Currency) -> tuple[Currency, tuple[InstrumentId, bool]]:
    """The currency an instrument's price values, and that the price must be divided by to do so."""
    instrument = market.instrument(name)
    base: Currency | None = getattr(instrument, "base_currency", None)
    quote: Currency | None = getattr(instrument, "quote_currency", None)
    if base is not None and quote == into:
        return base, (name, False)
    if quote is not None and base == into:
        return quote, (name, True)
    raise CompositionError(
        f"valued_by names {name}, whose price turns no currency into {into}",
        remedy=f"Name a pair of {into} and another currency that the account holds, or leave it out.",
    )
