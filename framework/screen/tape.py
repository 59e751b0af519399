"""One stream of bars from the catalog as arrays: exact whole numbers for money, floats for rules."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model import FIXED_PRECISION
from nautilus_trader.persistence import ParquetDataCatalog

from framework.engine.feed import open_feed
from framework.errors import CompositionError
from framework.screen import ledger
from framework.signals import Bars

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from framework.compose import Plan, Stream
    from framework.screen.terms import Terms

PRICES = ("open", "high", "low", "close")
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
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that nobody else needs
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    feed = open_feed(plan)
    columns = [*PRICES, "volume", "ts_init"]
    files = [plan.catalog / name for name in feed.files[stream]]
    table = pa.concat_tables([pq.read_table(file, columns=columns) for file in files])
    times = table["ts_init"].cast(pa.int64())
    early, late = pc.less(times, plan.start or 0), pc.greater(times, plan.end or 2**63 - 1)
    table = table.filter(pc.invert(pc.or_(early, late)))
    if len(files) > 1:
        table = table.sort_by("ts_init")
    (instrument,) = ParquetDataCatalog(str(plan.catalog)).instruments([str(stream.instrument_id)])
    precision = instrument.price_precision
    prices = np.stack([whole(table[name], precision, stream.name) for name in PRICES])
    volume = whole(table["volume"], instrument.size_precision, stream.name)
    floats = [as_float(row, precision) for row in prices]
    bars = Bars(
        instrument,
        ts=np.array(table["ts_init"].cast(pa.int64()).to_numpy()),
        open=floats[0],
        high=floats[1],
        low=floats[2],
        close=floats[3],
        volume=as_float(volume, instrument.size_precision),
    )
    increment = int(instrument.size_increment.as_decimal().scaleb(instrument.size_precision))
    book_price, book_size = ledger.book(prices, volume, increment)
    lowest, highest = (Decimal(int(price)).scaleb(-precision) for price in (prices.min(), prices.max()))
    return Tape(bars, prices[3], book_price, book_size, (lowest, highest))


def whole(column: pa.ChunkedArray, precision: int, name: str) -> NDArray[np.int64]:
    """Decimals of the engine's fixed precision as whole numbers of this one.

    Raises:
        CompositionError: One of them is beyond 64 bits.
    """
    import pyarrow as pa  # noqa: PLC0415 - loaded by `read`

    scaled = column.cast(pa.decimal128(38, precision)).combine_chunks()
    chunks = scaled.chunks if isinstance(scaled, pa.ChunkedArray) else [scaled]
    parts = []
    for chunk in chunks:
        words = np.frombuffer(chunk.buffers()[1], np.int64).reshape(-1, 2)
        words = words[chunk.offset : chunk.offset + len(chunk)]
        if not np.array_equal(words[:, 1], words[:, 0] >> 63):
            raise CompositionError(
                f"{name} holds numbers beyond 64 bits",
                path="data[0]",
                remedy="Use `framework sweep`, which runs every point on the event engine.",
            )
        parts.append(words[:, 0])
    return np.concatenate(parts)


def as_float(numbers: NDArray[np.int64], precision: int) -> NDArray[np.float64]:
    """Whole numbers of a precision as the engine's `as_double()` has them, bit by bit."""
    return numbers.astype(np.float64) * 10.0 ** (FIXED_PRECISION - precision) / 10.0**FIXED_PRECISION


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
