"""One stream of bars from the catalog as arrays: exact whole numbers for money, floats for rules."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model import FIXED_PRECISION

from framework.catalog.arrays import read_arrays
from framework.engine.feed import open_feed
from framework.errors import CompositionError
from framework.screen import ledger

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framework.compose import Plan, Stream
    from framework.screen.terms import Terms
    from framework.signals import Bars

LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Tape:
    """A stream, and what the engine's book makes of it.

    Attributes:
        bars: What rules read.
        close: int64, ticks of the price precision.
        book_price: int64, ticks: the price at which an order sent on the bar fills.
        book_size: int64, steps of the size precision: how much of it; 0 for no market yet.
        prices: The lowest and the highest price there is.
    """

    bars: Bars
    close: NDArray[np.int64]
    book_price: NDArray[np.int64]
    book_size: NDArray[np.int64]
    prices: tuple[Decimal, Decimal]

    @property
    def instrument(self) -> Any:
        """The engine's instrument."""
        return self.bars.instrument


def read(plan: Plan, stream: Stream) -> Tape:
    """The stream in the plan's range, checked like the data of any run.

    Raises:
        DataError: The data is not fit to run on.
        CompositionError: Its numbers are too large for arrays.
    """
    feed = open_feed(plan)
    bar_type: Any = stream.bar_type
    bars, prices, volume = read_arrays(
        plan.catalog, feed.files[stream], bar_type, start=plan.start, end=plan.end
    )
    instrument, precision = bars.instrument, bars.instrument.price_precision
    increment = int(instrument.size_increment.as_decimal().scaleb(instrument.size_precision))
    book_price, book_size = ledger.book(prices, volume, increment)
    lowest, highest = (Decimal(int(price)).scaleb(-precision) for price in (prices.min(), prices.max()))
    return Tape(bars, prices[3], book_price, book_size, (lowest, highest))


def money(tape: Tape, terms: Terms, largest: int) -> ledger.Money:
    """The terms in the ledger's whole numbers.

    Args:
        tape: The bars they apply to.
        terms: What trading costs.
        largest: The largest size that will be traded, in steps.

    Raises:
        CompositionError: An amount would be beyond 64 bits.
    """
    instrument = tape.instrument
    multiplier = instrument.multiplier.as_decimal()
    cents = terms.currency.precision
    up, down = multiplier.scaleb(
        cents - instrument.price_precision - instrument.size_precision
    ).as_integer_ratio()
    fee_up, fee_down = terms.taker.as_integer_ratio()
    top = int(np.abs(tape.close).max()) + 1_000
    notional = top * largest * up
    if max(notional, notional // down * abs(fee_up), down, fee_down) >= LARGEST:
        raise CompositionError(
            f"amounts of {largest} steps of {instrument.id} are beyond 64 bits",
            path="strategies[0].config",
            remedy="Trade less, or use `framework sweep`.",
        )
    margin = max(instrument.margin_init, instrument.margin_maint)
    return ledger.Money(
        price_scale=10.0 ** (FIXED_PRECISION - instrument.price_precision),
        size_scale=10.0 ** (FIXED_PRECISION - instrument.size_precision),
        fixed=10.0**FIXED_PRECISION,
        multiplier=instrument.multiplier.as_double(),
        cents=10.0**cents,
        notional_up=up,
        notional_down=down,
        fee_up=fee_up,
        fee_down=fee_down,
        margin=float(margin / terms.leverage),
        balance=int(terms.balance.scaleb(cents)),
        tick=int(instrument.price_increment.as_decimal().scaleb(instrument.price_precision)),
    )
