"""What specimens have in common: settings, and turning a wanted position into orders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec

if TYPE_CHECKING:
    from nautilus_trader.model import Bar, InstrumentId
    from numpy.typing import NDArray


class SpecimenConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of every specimen."""

    bar_types: Annotated[list[BarType], msgspec.Meta(min_length=1, description="The bars it trades on.")]
    quantity: Annotated[Quantity, msgspec.Meta(description="What it holds at most.")]
    history: Annotated[str, msgspec.Meta(description="A catalog that it reads by itself.")] = ""


class Specimen(Strategy):
    """Holds what `wanted` says: 1 long, -1 short, 0 nothing, None as it is."""

    def __init__(self, config: SpecimenConfig) -> None:
        super().__init__(config)
        self.settings = config
        self.held: dict[InstrumentId, Decimal] = {}
        self.closes: dict[InstrumentId, list[float]] = {}
        self.bars: dict[InstrumentId, list[Bar]] = {}

    def on_start(self) -> None:
        """Prepare, then listen."""
        for bar_type in self.settings.bar_types:
            self.held[bar_type.instrument_id] = Decimal(0)
            self.closes[bar_type.instrument_id] = []
            self.bars[bar_type.instrument_id] = []
        self.prepare()
        for bar_type in self.settings.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Bring the position to what is wanted."""
        instrument_id = bar.bar_type.instrument_id
        self.bars[instrument_id].append(bar)
        self.closes[instrument_id].append(bar.close.as_double())
        wanted = self.wanted(bar)
        if wanted is not None:
            self.hold(instrument_id, wanted)

    def on_order_filled(self, event: Any) -> None:
        """Keep count."""
        sign = 1 if event.order_side == OrderSide.BUY else -1
        self.held[event.instrument_id] += sign * event.last_qty.as_decimal()

    def prepare(self) -> None:
        """What it does before the first bar."""

    def wanted(self, bar: Bar) -> int | None:
        """The position wanted after this bar."""
        raise NotImplementedError

    def size(self, instrument_id: InstrumentId) -> Decimal:
        """How much a position of 1 is."""
        del instrument_id
        return self.settings.quantity.as_decimal()

    def hold(self, instrument_id: InstrumentId, wanted: int) -> None:
        """Send the order that makes up the difference."""
        held = self.held[instrument_id]
        if (held > 0) - (held < 0) == wanted:
            return
        missing = wanted * self.size(instrument_id) - held
        side = OrderSide.BUY if missing > 0 else OrderSide.SELL
        instrument = self.instrument(instrument_id)
        quantity = Quantity.from_decimal_dp(abs(missing), instrument.size_precision)
        self.submit_order(self.order_factory.market(instrument_id, side, quantity))

    def instrument(self, instrument_id: InstrumentId) -> Any:
        """The engine's instrument, which is there: the node checks that."""
        return self.cache.instrument(instrument_id)

    def file(self, bar_type: BarType | None = None) -> History:
        """All bars of a stream, read from the catalog behind the engine's back."""
        name = bar_type or self.settings.bar_types[0]
        return History(ParquetDataCatalog(self.settings.history).query_bars([str(name)]))


class History:
    """A stream as arrays.

    Attributes:
        ts: When each bar closed, nanoseconds.
        high: Highs.
        low: Lows.
        close: Closes.
    """

    def __init__(self, bars: list[Bar]) -> None:
        self.ts: NDArray[np.int64] = np.array([bar.ts_init for bar in bars], dtype=np.int64)
        self.high = np.array([bar.high.as_double() for bar in bars])
        self.low = np.array([bar.low.as_double() for bar in bars])
        self.close = np.array([bar.close.as_double() for bar in bars])

    def at(self, ts: int) -> int:
        """The place of the last bar that closed at `ts` or before; -1 when there is none."""
        return int(np.searchsorted(self.ts, ts, side="right")) - 1


def sign(value: float) -> int:
    """1, 0 or -1."""
    return int(value > 0) - int(value < 0)


def spec_of(strategy: type[Specimen]) -> StrategySpec:
    """The specimen as a plugin would offer it."""
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in strategy.__name__)
    summary = (strategy.__doc__ or "").splitlines()[0]
    return StrategySpec(name=name.lstrip("_"), strategy=strategy, config=SpecimenConfig, summary=summary)
