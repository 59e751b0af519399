"""Mean reversion: buy far below the rolling mean, sell far above it, leave near it.

The z-score is the distance of the close from the mean of the last closes, itself included, in population
standard deviations of the same closes. A trade is entered between `entry` and `stop`, left within `exit`, and
given up at `stop`; a side that was given up waits until the price has been back within `exit`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from nautilus_trader.indicators import AverageTrueRange, MovingAverageType, ZScore
from nautilus_trader.model import OrderFilled, OrderSide, Price
from nautilus_trader.trading import Strategy

from framework import Holding, exact_size, refuse_changes, tick_beyond

if TYPE_CHECKING:
    from nautilus_trader.model import Bar, BarType, InstrumentId

    from framework_mean_reversion.config import MeanReversionConfig

_GOAL = "mean"
_SIDES = {"long": (1,), "short": (-1,), "both": (1, -1)}


class Line:
    """All that the strategy knows of one instrument."""

    __slots__ = ("atr", "bars_held", "given_up", "holding", "instrument", "quantity", "side", "why", "zscore")

    def __init__(self, instrument: Any, settings: MeanReversionConfig) -> None:
        self.instrument = instrument
        self.quantity = exact_size(settings.quantity, instrument)
        self.zscore = ZScore(settings.lookback)
        self.atr = AverageTrueRange(settings.atr_period, MovingAverageType.Wilder)
        self.holding = Holding()
        self.side = 0  # of the trade: 1 long, -1 short
        self.bars_held = 0
        self.why = ""  # the trade is being left
        self.given_up: set[int] = set()  # sides that wait for the price to come back


class MeanReversion(Strategy):
    """Fades the z-score of the close, in any number of instruments."""

    def __init__(self, config: MeanReversionConfig) -> None:
        super().__init__(config)
        self._take(config)
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
            line.side = 0 if line.holding.flat else 1 if line.holding.size > 0 else -1
            self._by_bars[bar_type.standard()] = self._by_instrument[instrument_id] = line
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Update, then look after what is held, or look for an entry."""
        line = self._by_bars[bar.bar_type]
        settings, zscore, holding = self._settings, line.zscore, line.holding
        close = bar.close.as_double()
        zscore.update_raw(close)
        if settings.stop_atr is not None:
            line.atr.handle_bar(bar)
        z = zscore.value
        if line.given_up and zscore.initialized:
            line.given_up = {side for side in line.given_up if -z * side > settings.exit}
        if not holding.idle:
            self._look_after(line, z)
        elif zscore.initialized and settings.entry <= abs(z) < self._stop:
            self._enter(line, bar, -1 if z > 0.0 else 1)

    def on_order_event(self, event: Any) -> None:
        """Keep the working orders."""
        line = self._by_instrument.get(event.instrument_id)
        if line is not None:
            # The cache cannot be read inside the engine's synchronous events, and a fill is not one.
            filled = isinstance(event, OrderFilled) and self.cache.is_order_closed(event.client_order_id)
            line.holding.on_order(event, filled=filled)

    def on_position_event(self, event: Any) -> None:
        """Keep the position; a trade that ends anywhere but at the mean gives its side up for a while."""
        line = self._by_instrument.get(event.instrument_id)
        if line is not None and line.holding.on_position(event) and line.why != _GOAL:
            line.given_up.add(line.side)

    def on_stop(self) -> None:
        """Get out, or leave positions and stops as they are, as configured."""
        for bar_type in self._settings.bar_types:
            self.unsubscribe_bars(bar_type)
        if self._settings.close_on_stop:
            for line in self._by_bars.values():
                self._leave(line, "stop")

    def on_reset(self) -> None:
        """Forget everything; `on_start` begins again."""
        self._by_bars.clear()
        self._by_instrument.clear()

    def reconfigure(self, config: MeanReversionConfig) -> None:
        """Go on with new settings: what is held stays, and is left by them.

        Raises:
            ValueError: One is of what an indicator remembers, turns stops on or off, or is no size here.
        """
        refuse_changes(self._settings, config, "bar_types", "lookback", "atr_period")
        if (config.stop_atr is None) != (self._settings.stop_atr is None):
            refuse_changes(self._settings, config, "stop_atr")
        sizes = [exact_size(config.quantity, line.instrument) for line in self._by_bars.values()]
        self._take(config)
        for line, size in zip(self._by_bars.values(), sizes, strict=True):
            line.quantity = size

    def _take(self, config: MeanReversionConfig) -> None:
        self._settings = config
        self._stop = inf if config.stop is None else config.stop
        self._allowed = _SIDES[config.side]

    def _enter(self, line: Line, bar: Bar, side: int) -> None:
        settings = self._settings
        deviation, mean = line.zscore.std, abs(line.zscore.mean)
        if (
            side not in self._allowed
            or side in line.given_up
            or deviation < settings.min_volatility * mean
            or (settings.max_volatility is not None and deviation > settings.max_volatility * mean)
            or (settings.stop_atr is not None and not (line.atr.initialized and line.atr.value > 0.0))
        ):
            return
        line.side, line.bars_held, line.why = side, 0, ""
        order_side = OrderSide.BUY if side > 0 else OrderSide.SELL
        if settings.stop_atr is None:
            entry = self.order_factory.market(line.instrument.id, order_side, line.quantity)
            line.holding.send_entry(entry.client_order_id, None, ())
            self.submit_order(entry)
        else:
            away = -side * settings.stop_atr * line.atr.value
            trigger = tick_beyond(bar.close.as_decimal(), away, line.instrument)
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

    def _look_after(self, line: Line, z: float) -> None:
        settings, holding = self._settings, line.holding
        if holding.flat:
            if not holding.entering:
                self._cancel(line)
            return
        line.bars_held += 1
        against = -z * line.side
        if holding.leaving:
            self._leave(line, line.why)
        elif settings.stop_atr is not None and not holding.protected:
            self._leave(line, "unprotected")
        elif not line.zscore.initialized:
            return
        elif against <= settings.exit:
            self._leave(line, _GOAL)
        elif against >= self._stop:
            self._leave(line, "stop")
        elif settings.max_bars is not None and line.bars_held >= settings.max_bars:
            self._leave(line, "time")

    def _leave(self, line: Line, why: str) -> None:
        """Cancel what works and close what is held; asked again at every bar until nothing is left."""
        holding = line.holding
        holding.leaving, line.why = not holding.idle, why
        self._cancel(line)
        for order, position_id in holding.exits(self.order_factory, line.instrument, why):
            self.submit_order(order, position_id)

    def _cancel(self, line: Line) -> None:
        for order_id in line.holding.to_cancel():
            self.cancel_order(order_id)
