"""The strategy that drills trade with: seeded orders of every kind, as fast as it is told.

What it does is nonsense as trading and thorough as a test: it takes, rests, changes, cancels and closes, and
never looks at what came of it.
"""

from __future__ import annotations

import datetime as dt
import math
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from nautilus_trader.model import InstrumentId, OrderSide, TimeInForce
from nautilus_trader.trading import Strategy

from framework.hookspecs import hookimpl
from framework.specs import PluginConfig, StrategySpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model import Price, QuoteTick

NEAR_TICKS = 6
REST_MS = 13


class TraderConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `drill_trader`."""

    instrument_id: Annotated[InstrumentId, msgspec.Meta(description="What it trades.")]
    seed: Annotated[int, msgspec.Meta(description="Where its orders come from, with `life`.")] = 0
    life: Annotated[int, msgspec.Meta(ge=0, description="Which run of the node this is.")] = 0
    pace_ms: Annotated[int, msgspec.Meta(ge=1, description="Milliseconds between two orders.")] = 20
    seconds: Annotated[
        Annotated[float, msgspec.Meta(ge=0)] | None,
        msgspec.Meta(description="How long it trades once it has started; until it ends by default."),
    ] = None
    largest: Annotated[int, msgspec.Meta(ge=1, description="The largest order, in smallest sizes.")] = 20
    exits: Annotated[bool, msgspec.Meta(description="Whether it closes its position now and then.")] = True
    resting: Annotated[
        int, msgspec.Meta(ge=0, description="Orders of one smallest size to leave far from the market.")
    ] = 0
    ready: Annotated[str | None, msgspec.Meta(description="A file to make when it has started.")] = None


class Trader(Strategy):
    """Sends seeded orders on a timer."""

    config: TraderConfig

    def __init__(self, config: TraderConfig) -> None:
        super().__init__(config)
        self._dice = random.Random(f"{config.seed}/{config.life}")  # noqa: S311 - orders, not secrets
        self._mine: list[Any] = []
        self._quote: QuoteTick | None = None
        self._ends = math.inf

    def on_start(self) -> None:
        """Listen to prices; trade on a timer."""
        self.subscribe_quotes(self.config.instrument_id)
        self._mine = [order.client_order_id for order in self.cache.orders_open(strategy_id=self.strategy_id)]
        if self.config.seconds != 0:
            step = dt.timedelta(milliseconds=self.config.pace_ms)
            self.clock.set_timer("trade", step, callback=self._trade)
        if self.config.resting:
            self.clock.set_timer("rest", dt.timedelta(milliseconds=REST_MS), callback=self._rest)
        if self.config.seconds is not None:
            self._ends = time.monotonic() + self.config.seconds
        if self.config.ready is not None:
            Path(self.config.ready).touch()

    def on_quote(self, quote: QuoteTick) -> None:
        """Remember the market."""
        self._quote = quote

    def _rest(self, event: Any) -> None:
        """Leave one more order far from the market; the engine takes a hundred a second."""
        del event
        if (
            self._quote is None
            or self.cache.orders_open_count(strategy_id=self.strategy_id) >= self.config.resting
        ):
            return
        far = self._quote.bid_price.as_decimal() * self._dice.randint(60, 90) / 100
        order: Any = self.order_factory.limit(
            self.config.instrument_id, OrderSide.BUY, self._size(1), self._instrument().make_price(far)
        )
        self.submit_order(order)

    def _trade(self, event: Any) -> None:
        del event
        if self._quote is None or time.monotonic() > self._ends:
            return
        move = self._dice.random()
        side = self._dice.choice((OrderSide.BUY, OrderSide.SELL))
        size = self._dice.randint(1, self.config.largest)
        if move < 0.3:  # noqa: PLR2004 - three in ten take
            self._send(side, size, None)
        elif move < 0.65 or not self._mine:  # noqa: PLR2004 - as many rest near the market
            self._send(side, size, self._near(side))
        elif move < 0.85:  # noqa: PLR2004 - one in five is a cancellation
            self.cancel_order(self._dice.choice(self._mine))
        elif move < 0.95:  # noqa: PLR2004 - one in ten a change
            self._change(self._dice.choice(self._mine), size)
        elif self.config.exits:
            self.close_all_positions(self.config.instrument_id)

    def _send(self, side: OrderSide, size: int, price: Price | None) -> None:
        quantity = self._size(size)
        make = self.order_factory
        if price is None:
            order: Any = make.market(self.config.instrument_id, side, quantity)
        else:
            tif = TimeInForce.IOC if self._dice.random() < 0.1 else TimeInForce.GTC  # noqa: PLR2004 - one in ten
            order = make.limit(self.config.instrument_id, side, quantity, price, time_in_force=tif)
        self._mine.append(order.client_order_id)
        del self._mine[:-200]
        self.submit_order(order)

    def _change(self, client_order_id: Any, size: int) -> None:
        order: Any = self.cache.order(client_order_id)
        if order is not None and order.is_open and not order.is_pending_cancel:
            instrument = self._instrument()
            more = order.filled_qty.as_decimal() + instrument.size_increment.as_decimal() * size
            self.modify_order(client_order_id, quantity=instrument.make_qty(more))

    def _near(self, side: OrderSide) -> Price:
        assert self._quote is not None  # noqa: S101 - the caller looked
        best = self._quote.bid_price if side == OrderSide.BUY else self._quote.ask_price
        instrument = self._instrument()
        ticks = self._dice.randint(-NEAR_TICKS, NEAR_TICKS // 2)
        sign = 1 if side == OrderSide.BUY else -1
        away = instrument.price_increment.as_decimal() * ticks * sign
        price: Price = instrument.make_price(best.as_decimal() + away)
        return price

    def _size(self, steps: int) -> Any:
        instrument = self._instrument()
        return instrument.make_qty(instrument.size_increment.as_decimal() * steps)

    def _instrument(self) -> Any:
        return self.cache.instrument(self.config.instrument_id)


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer the strategy to the nodes of a drill."""
    yield StrategySpec(
        name="drill_trader", strategy=Trader, config=TraderConfig, summary="Seeded orders, for drills."
    )
