"""Trend following: hold the side to which a fast average last crossed a slow one.

A position is entered on a cross and left on the next one; where both sides are allowed, it is then entered
the other way, once nothing is held any more. A trend that was there before the averages had enough closes
is not joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.indicators import AverageTrueRange, ExponentialMovingAverage, MovingAverageType
from nautilus_trader.model import OrderFilled, OrderSide, Price
from nautilus_trader.trading import Strategy

from framework import Holding, exact_size, refuse_changes, tick_beyond

if TYPE_CHECKING:
    from nautilus_trader.model import Bar, BarType, InstrumentId

    from framework_trend.config import TrendConfig


_SIDES = {"long": (1,), "short": (-1,), "both": (1, -1)}


class Line:
    """All that the strategy knows of one instrument."""

    __slots__ = ("atr", "close", "fast", "holding", "instrument", "quantity", "side", "slow", "wanted")

    def __init__(self, instrument: Any, settings: TrendConfig) -> None:
        self.instrument = instrument
        self.quantity = exact_size(settings.quantity, instrument)
        self.fast = ExponentialMovingAverage(settings.fast)
        self.slow = ExponentialMovingAverage(settings.slow)
        self.atr = AverageTrueRange(settings.atr_period, MovingAverageType.Wilder)
        self.holding = Holding()
        self.side = 0  # of the fast average: 1 above the slow one, -1 below
        self.wanted = 0  # the side to enter as soon as nothing is held and nothing works
        self.close: Price | None = None


class Trend(Strategy):
    """Follows the cross of two exponential averages, in any number of instruments."""

    def __init__(self, config: TrendConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._allowed = _SIDES[config.side]
        self._by_bars: dict[BarType, Line] = {}
        self._by_instrument: dict[InstrumentId, Line] = {}

    def on_start(self) -> None:
        """Begin with what the engine has for this strategy, and nothing else."""
        for bar_type in self._settings.bar_types:
            instrument_id = bar_type.instrument_id
            instrument = self.cache.instrument(instrument_id)
            if instrument is None:
                raise ValueError(f"no instrument {instrument_id}; put it in the catalog beside its bars")
            line = Line(instrument, self._settings)
            line.holding.adopt(
                self.cache.positions_open(instrument_id=instrument_id, strategy_id=self.strategy_id),
                self.cache.orders_open(instrument_id=instrument_id, strategy_id=self.strategy_id),
            )
            self._by_bars[bar_type.standard()] = self._by_instrument[instrument_id] = line
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Update, and act on a cross; without one, only finish what was begun."""
        line = self._by_bars[bar.bar_type]
        fast, slow, holding = line.fast, line.slow, line.holding
        close = bar.close.as_double()
        fast.update_raw(close)
        slow.update_raw(close)
        line.close = bar.close
        if self._settings.stop_atr is not None:
            line.atr.handle_bar(bar)
        if slow.initialized and self._crossed(line, fast.value - slow.value):
            line.wanted = line.side if line.side in self._allowed else 0
            if not holding.idle:
                self._leave(line, "cross")
        elif holding.leaving or self._astray(line):
            self._leave(line, "cross")
        self._enter_wanted(line)

    def on_order_event(self, event: Any) -> None:
        """Keep the working orders."""
        line = self._by_instrument.get(event.instrument_id)
        if line is not None:
            # The cache cannot be read inside the engine's synchronous events, and a fill is not one.
            fill = isinstance(event, OrderFilled)
            filled = fill and self.cache.is_order_closed(event.client_order_id)
            line.holding.on_order(event, filled=filled)
            if not fill:  # what it filled is known with the position's event, which comes next
                self._enter_wanted(line)

    def on_position_event(self, event: Any) -> None:
        """Keep the position; when it is gone, enter what is wanted."""
        line = self._by_instrument.get(event.instrument_id)
        if line is not None:
            line.holding.on_position(event)
            self._enter_wanted(line)

    def on_stop(self) -> None:
        """Get out, or leave positions and stops as they are, as configured."""
        for bar_type in self._settings.bar_types:
            self.unsubscribe_bars(bar_type)
        for line in self._by_bars.values():
            line.wanted = 0
            if self._settings.close_on_stop:
                self._leave(line, "stop")

    def on_reset(self) -> None:
        """Forget everything; `on_start` begins again."""
        self._by_bars.clear()
        self._by_instrument.clear()

    def reconfigure(self, config: TrendConfig) -> None:
        """Go on with new settings: what is held stays, and is left by them.

        Raises:
            ValueError: One is of what an indicator remembers, turns stops on or off, or is no size here.
        """
        refuse_changes(self._settings, config, "bar_types", "fast", "slow", "atr_period")
        if (config.stop_atr is None) != (self._settings.stop_atr is None):
            refuse_changes(self._settings, config, "stop_atr")
        sizes = [exact_size(config.quantity, line.instrument) for line in self._by_bars.values()]
        self._settings, self._allowed = config, _SIDES[config.side]
        for line, size in zip(self._by_bars.values(), sizes, strict=True):
            line.quantity = size
            if line.wanted not in self._allowed:
                line.wanted = 0

    @staticmethod
    def _crossed(line: Line, spread: float) -> bool:
        """Note the side of the fast average; True when it has just changed."""
        before = line.side
        if spread != 0.0:
            line.side = 1 if spread > 0.0 else -1
        return before not in {0, line.side}

    def _astray(self, line: Line) -> bool:
        """True when what is held has lost its stop, or nothing is held and something still works."""
        holding = line.holding
        if holding.flat:
            return not holding.entering
        return self._settings.stop_atr is not None and not holding.protected

    def _enter_wanted(self, line: Line) -> None:
        settings, side = self._settings, line.wanted
        if not side or not line.holding.idle:
            return
        line.wanted = 0
        if settings.stop_atr is not None and not (line.atr.initialized and line.atr.value > 0.0):
            return
        order_side = OrderSide.BUY if side > 0 else OrderSide.SELL
        if settings.stop_atr is None:
            entry = self.order_factory.market(line.instrument.id, order_side, line.quantity)
            line.holding.send_entry(entry.client_order_id, None, ())
            self.submit_order(entry)
        elif line.close is not None:
            away = -side * settings.stop_atr * line.atr.value
            trigger = tick_beyond(line.close.as_decimal(), away, line.instrument)
            orders = self._entry_with_stop(line, order_side, trigger)
            line.holding.send_entry(orders[0].client_order_id, orders[1].client_order_id, ())
            self.submit_order_list(orders)

    def _entry_with_stop(self, line: Line, side: OrderSide, trigger: Price) -> list[Any]:
        """A market entry that triggers a stop.

        The engine's factory only makes whole brackets, so the take-profit is left out of one and the links
        to it are cut.
        """
        entry, stop, _ = self.order_factory.bracket(
            line.instrument.id,
            side,
            line.quantity,
            sl_trigger_price=trigger,
            tp_price=trigger,
            tp_post_only=False,
        )
        parent = entry.to_dict() | {"linked_order_ids": [str(stop.client_order_id)]}
        child = stop.to_dict() | {"linked_order_ids": None, "contingency_type": None}
        return [type(entry).from_dict(parent), type(stop).from_dict(child)]

    def _leave(self, line: Line, why: str) -> None:
        """Cancel what works and close what is held; asked again at every bar until nothing is left."""
        holding = line.holding
        holding.leaving = not holding.idle
        for order_id in holding.to_cancel():
            self.cancel_order(order_id)
        for order, position_id in holding.exits(self.order_factory, line.instrument, why):
            self.submit_order(order, position_id)
