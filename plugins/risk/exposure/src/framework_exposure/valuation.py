"""What instruments are worth in one currency, at prices that are known and fresh."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from nautilus_trader.model import InstrumentId

from framework import CompositionError, Duration, PluginConfig, cost_currency, nanoseconds, refuse_repeats

if TYPE_CHECKING:
    from nautilus_trader.model import Currency

    from framework import Mark, Market

ONE = Decimal(1)


class ValuedConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of every rule that values what is held."""

    max_mark_age: Annotated[
        Duration,
        msgspec.Meta(
            description='Oldest price to value anything at: "5s", "2h"; an older one, or none, denies. '
            "With bars, write more than the length of a bar."
        ),
    ]
    valued_by: Annotated[
        list[InstrumentId],
        msgspec.Meta(
            description="Instruments whose prices turn other currencies into the one of the settings: "
            "[USD/JPY.SIM]. What no price turns into it is denied."
        ),
    ] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse an instrument named twice."""
        refuse_repeats(self.valued_by, setting="valued_by")


class UnpricedError(Exception):
    """Something cannot be valued; its message is the reason of a denial."""


class Valuation:
    """Values in one currency, as of one moment; make a new one for every verdict.

    Args:
        market: What the rule may look at.
        rates: What `rates` made of the settings.
        currency: The currency of every value.
        max_age: The greatest age of a price, in nanoseconds.
        mark: The price that comes with the proposal that is judged.
    """

    def __init__(
        self, market: Market, rates: Rates, currency: Currency, max_age: int, mark: Mark | None = None
    ) -> None:
        self._market = market
        self._rates = rates
        self._currency = currency
        self._max_age = max_age
        self._now = market.now()
        self._marks = {} if mark is None else {mark.instrument_id: mark}
        self._known: dict[Any, tuple[bool, Decimal, Decimal, Decimal]] = {}

    def value(self, instrument_id: InstrumentId, quantity: Decimal, *prices: Any) -> Decimal:
        """What a quantity of an instrument is worth, at the dearest of the mark and the prices given.

        An order is worth what it would cost at the worst of its own prices and the market's, which for an
        inverse contract is the lowest.

        Raises:
            UnpricedError: It has no fresh price, or no price turns its currency into the one asked for.
        """
        known = self._known.get(instrument_id)
        if known is None:
            known = self._known[instrument_id] = self._look_up(instrument_id)
        inverse, mark, numerator, denominator = known
        for price in prices:
            if price is not None:
                own = abs(price.as_decimal())
                mark = min(mark, own) if inverse else max(mark, own)
        if not inverse:
            worth: Decimal = quantity * mark * numerator
            return worth if denominator is ONE else worth / denominator
        if not mark:
            raise UnpricedError(f"{instrument_id} has a price of zero")
        return quantity * numerator / (mark * denominator)

    def money(self, currency: Currency, amount: Decimal) -> Decimal:
        """What an amount of another currency is worth.

        Raises:
            UnpricedError: No price says so.
        """
        numerator, denominator = self._rate(currency)
        return amount * numerator / denominator

    def order_money(self, instrument_id: InstrumentId, amount: Decimal) -> Decimal:
        """What an order for an amount of money is worth: it is in the instrument's quote currency.

        Raises:
            UnpricedError: No price says so.
        """
        instrument = self._market.instrument(instrument_id)
        if instrument is None:
            raise UnpricedError(f"{instrument_id} is not an instrument of this node")
        currency = instrument.quote_currency if instrument.is_inverse else cost_currency(instrument)
        return self.money(currency, amount)

    def price(self, instrument_id: InstrumentId) -> Decimal:
        """The last price.

        Raises:
            UnpricedError: There is none, or it is too old.
        """
        mark = self._marks.get(instrument_id) or self._market.mark(instrument_id)
        if mark is None:
            raise UnpricedError(f"no price of {instrument_id} is known yet")
        age = self._now - mark.ts_event
        if age > self._max_age:
            raise UnpricedError(
                f"the last price of {instrument_id} is {age / 1_000_000_000:g} s old, and max_mark_age is "
                f"{self._max_age / 1_000_000_000:g} s"
            )
        price: Decimal = mark.price.as_decimal()
        return price

    def _look_up(self, instrument_id: InstrumentId) -> tuple[bool, Decimal, Decimal, Decimal]:
        """Whether it is inverse, its price, and what to multiply and divide a quantity by beside that."""
        instrument = self._market.instrument(instrument_id)
        if instrument is None:
            raise UnpricedError(f"{instrument_id} is not an instrument of this node")
        numerator, denominator = self._rate(cost_currency(instrument))
        multiplier = instrument.multiplier.as_decimal()
        return instrument.is_inverse, abs(self.price(instrument_id)), multiplier * numerator, denominator

    def _rate(self, currency: Currency) -> Ratio:
        if currency == self._currency:
            return ONE, ONE
        source = self._rates.get(currency)
        if source is None:
            raise UnpricedError(
                f"nothing turns {currency} into {self._currency}; name one that does under valued_by"
            )
        price = self.price(source[0])
        if not price:
            raise UnpricedError(f"{source[0]} has a price of zero")
        return (ONE, price) if source[1] else (price, ONE)


type Ratio = tuple[Decimal, Decimal]
"""Numerator and denominator, kept apart so that only the last division rounds."""

type Rates = dict[Currency, tuple[InstrumentId, bool]]
"""By currency: the instrument whose price values it, and that the price must be divided by to do so."""


def rates(market: Market, config: ValuedConfig, into: Currency) -> Rates:
    """What the instruments under `valued_by` turn into the currency.

    Raises:
        CompositionError: One of them does not turn anything into it.
    """
    found: Rates = {}
    for name in config.valued_by:
        instrument = market.instrument(name)
        base: Currency | None = getattr(instrument, "base_currency", None)
        quote: Currency | None = getattr(instrument, "quote_currency", None)
        if base is not None and quote == into:
            found[base] = (name, False)
        elif quote is not None and base == into:
            found[quote] = (name, True)
        else:
            raise CompositionError(
                f"valued_by names {name}, whose price turns no currency into {into}",
                remedy=f"Name a pair of {into} and another currency, or leave it out.",
            )
    return found


def max_age(config: ValuedConfig) -> int:
    """The greatest age of a price, in nanoseconds."""
    return nanoseconds(config.max_mark_age)
