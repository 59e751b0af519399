"""Session VWAP with deviation bands: fade a crossing back to the VWAP, or follow it away.

A bar whose close crosses a band, while the close before it had not, is a signal. It becomes a bracket: a
market entry with a stop and a take-profit some average true ranges away. Decisions are made on closed
bars only, from that bar and those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.indicators import AverageTrueRange, MovingAverageType
from nautilus_trader.model import OrderFilled, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import Holding, Signal, SignalFilter, exact_size, refuse_changes, tick_beyond
from framework_vwap.schedule import Schedule, Sessions
from framework_vwap.session_vwap import SessionVwap

if TYPE_CHECKING:
    from nautilus_trader.model import Bar, BarType, ClientOrderId, InstrumentId, Price

    from framework_vwap.config import VwapConfig


_SIDES = {"long": (1,), "short": (-1,), "both": (1, -1)}


class Line:
    """All that the strategy knows of one instrument."""

    __slots__ = (
        "alone",
        "atr",
        "bars_flat",
        "beyond",
        "distance",
        "holding",
        "instrument",
        "opened_before",
        "quantity",
        "session_end",
        "vwap",
    )

    def __init__(self, instrument: Any, quantity: Quantity, atr_period: int, cooldown_bars: int) -> None:
        self.instrument = instrument
        self.quantity = exact_size(quantity, instrument)
        self.atr = AverageTrueRange(atr_period, MovingAverageType.Wilder)
        self.vwap = SessionVwap()
        self.holding = Holding()
        self.session_end = 0
        self.opened_before = 0  # trades opened before this session
        self.distance = 0.0  # of the last close from the VWAP
        self.beyond = 0  # the band the last close was beyond: 1 upper, -1 lower, 0 neither
        self.bars_flat = cooldown_bars  # bars closed since the last trade
        # An entry that was sent alone, with the prices of the stop and the target that are to follow it.
        self.alone: tuple[ClientOrderId, Price, Price] | None = None

    def update(self, bar: Bar, entry_band: float) -> int:
        """Add the bar; 1 or -1 when its close crossed the upper or the lower band."""
        self.atr.handle_bar(bar)
        close = bar.close.as_double()
        self.vwap.update(bar.high.as_double(), bar.low.as_double(), close, bar.volume.as_double())
        self.distance = close - self.vwap.value
        before = self.beyond
        self.place(entry_band)
        return self.beyond if self.beyond != before else 0

    def place(self, entry_band: float) -> None:
        """See which band the last close is beyond."""
        reach, distance = entry_band * self.vwap.deviation, self.distance
        self.beyond = 0 if reach <= 0.0 or -reach < distance < reach else 1 if distance > 0.0 else -1

    def start_session(self, end: int) -> None:
        """Forget the session before."""
        self.session_end = end
        self.vwap.reset()
        self.beyond = 0
        self.opened_before = self.holding.opened


class Vwap(Strategy):
    """Trades crossings of the session VWAP's bands, in any number of instruments."""

    signal_filter = SignalFilter()
    """Asked about an entry when every other condition holds; `filter:` in node.yaml sets another."""

    def __init__(self, config: VwapConfig) -> None:
        super().__init__(config)
        self._take(config)
        self._sessions = Sessions(config.session_start, config.time_zone)
        self._toward = -1 if config.mode == "fade" else 1
        self._by_bars: dict[BarType, Line] = {}
        self._by_instrument: dict[InstrumentId, Line] = {}

    def on_start(self) -> None:
        """Begin with what the engine has for this strategy, and nothing else."""
        settings = self._settings
        for bar_type in settings.bar_types:
            instrument_id = bar_type.instrument_id
            instrument = self.cache.instrument(instrument_id)
            if instrument is None:
                raise ValueError(f"no instrument {instrument_id}; put it in the catalog beside its bars")
            line = Line(instrument, settings.quantity, settings.atr_period, settings.cooldown_bars)
            line.holding.adopt(
                self.cache.positions_open(instrument_id=instrument_id, strategy_id=self.strategy_id),
                self.cache.orders_open(instrument_id=instrument_id, strategy_id=self.strategy_id),
            )
            self._by_bars[bar_type.standard()] = self._by_instrument[instrument_id] = line
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Update, then look after what is held, or look for an entry."""
        line = self._by_bars[bar.bar_type]
        now, settings, holding = bar.ts_event, self._settings, line.holding
        if now > line.session_end:
            line.start_session(self._sessions.end(now))
        crossed = line.update(bar, settings.entry_band)
        line.bars_flat += 1
        is_open = self._schedule.is_open(now)
        if not holding.idle:
            self._look_after(line, bar, is_open)
        elif crossed and is_open and self._may_enter(line):
            self._enter(line, bar, crossed * self._toward)

    def on_order_event(self, event: Any) -> None:
        """Keep the working orders."""
        line = self._by_instrument.get(event.instrument_id)
        if line is not None:
            # The cache cannot be read inside the engine's synchronous events, and a fill is not one.
            filled = isinstance(event, OrderFilled) and self.cache.is_order_closed(event.client_order_id)
            line.holding.on_order(event, filled=filled)
            if filled and self._settings.exits == "after_fill":
                self._follow(line, event)

    def on_position_event(self, event: Any) -> None:
        """Keep the position, and start the cooldown when it is gone."""
        line = self._by_instrument.get(event.instrument_id)
        if line is not None and line.holding.on_position(event):
            line.bars_flat = 0

    def on_stop(self) -> None:
        """Get out, or leave positions with their brackets working, as configured."""
        for bar_type in self._settings.bar_types:
            self.unsubscribe_bars(bar_type)
        if self._settings.close_on_stop:
            for line in self._by_bars.values():
                self._leave(line, "stop")

    def on_reset(self) -> None:
        """Forget everything; `on_start` begins again."""
        self._by_bars.clear()
        self._by_instrument.clear()

    def reconfigure(self, config: VwapConfig) -> None:
        """Go on with new settings: what is held keeps its stop and target, and is left by them.

        Raises:
            ValueError: One is of what a session or an indicator remembers or of how exits travel, or it is no
                size here.
        """
        fixed = "bar_types", "mode", "time_zone", "session_start", "atr_period", "exits"
        refuse_changes(self._settings, config, *fixed)
        sizes = [exact_size(config.quantity, line.instrument) for line in self._by_bars.values()]
        self._take(config)
        for line, size in zip(self._by_bars.values(), sizes, strict=True):
            line.quantity = size
            line.place(config.entry_band)

    def _take(self, config: VwapConfig) -> None:
        self._settings = config
        self._schedule = Schedule(config.schedule, config.time_zone)
        self._allowed = _SIDES[config.side]

    def _may_enter(self, line: Line) -> bool:
        settings = self._settings
        most = settings.max_trades_per_session
        return (
            line.vwap.bars >= settings.warmup_bars
            and line.atr.initialized
            and line.atr.value > 0.0
            and line.bars_flat > settings.cooldown_bars
            and (most is None or line.holding.opened - line.opened_before < most)
        )

    def _enter(self, line: Line, bar: Bar, direction: int) -> None:
        if direction not in self._allowed or not self.signal_filter.accepts(_signal(line, bar, direction)):
            return
        close, atr = bar.close.as_decimal(), line.atr.value
        away = -direction * self._settings.stop_atr * atr
        toward = direction * self._settings.target_atr * atr
        side = OrderSide.BUY if direction > 0 else OrderSide.SELL
        prices = tick_beyond(close, away, line.instrument), tick_beyond(close, toward, line.instrument)
        if self._settings.exits == "after_fill":
            alone = self.order_factory.market(line.instrument.id, side, line.quantity)
            line.alone = alone.client_order_id, *prices
            line.holding.send_entry(alone.client_order_id, None, [])
            self.submit_order(alone)
            return
        entry, stop, target = self.order_factory.bracket(
            line.instrument.id, side, line.quantity, sl_trigger_price=prices[0], tp_price=prices[1]
        )
        line.holding.send_entry(entry.client_order_id, stop.client_order_id, [target.client_order_id])
        self.submit_order_list([entry, stop, target])

    def _follow(self, line: Line, event: OrderFilled) -> None:
        """Send stop and target when the entry has filled; when one of them has, cancel the other."""
        if line.alone is None or event.client_order_id != line.alone[0]:
            self._cancel(line)
            return
        _, stop_price, target_price = line.alone
        line.alone = None
        away = OrderSide.SELL if event.order_side == OrderSide.BUY else OrderSide.BUY
        entry = self.cache.order(event.client_order_id)
        size = event.last_qty if entry is None else entry.filled_qty
        make, traded = self.order_factory, event.instrument_id
        stop = make.stop_market(traded, away, size, trigger_price=stop_price, reduce_only=True)
        target = make.limit(traded, away, size, price=target_price, reduce_only=True)
        line.holding.protect(stop.client_order_id, [target.client_order_id])
        for exit_order in (stop, target):
            self.submit_order(exit_order)

    def _look_after(self, line: Line, bar: Bar, is_open: bool) -> None:
        holding = line.holding
        outside = self._settings.flat_at_window_end and not is_open
        if holding.flat:
            if outside or not holding.entering:
                self._cancel(line)
        elif holding.leaving:
            self._leave(line, "again")
        elif outside:
            self._leave(line, "window")
        elif not holding.protected:
            self._leave(line, "unprotected")
        elif self._settings.exit_at_vwap and self._is_back(line, bar):
            self._leave(line, "vwap")

    def _is_back(self, line: Line, bar: Bar) -> bool:
        if line.vwap.bars < self._settings.warmup_bars:
            return False
        above = bar.close.as_double() - line.vwap.value
        side = 1 if line.holding.size > 0 else -1
        return above * side * self._toward <= 0.0

    def _leave(self, line: Line, why: str) -> None:
        """Cancel what works and close what is held; asked again at every bar until nothing is left."""
        holding = line.holding
        holding.leaving = not holding.idle
        self._cancel(line)
        for order, position_id in holding.exits(self.order_factory, line.instrument, why):
            self.submit_order(order, position_id)

    def _cancel(self, line: Line) -> None:
        for order_id in line.holding.to_cancel():
            self.cancel_order(order_id)


def _signal(line: Line, bar: Bar, direction: int) -> Signal:
    return Signal(
        bar_type=bar.bar_type,
        direction=1 if direction > 0 else -1,
        ts_event=bar.ts_event,
        price=bar.close.as_double(),
        seen={
            "vwap": line.vwap.value,
            "deviation": line.vwap.deviation,
            "atr": line.atr.value,
            "session_bars": float(line.vwap.bars),
        },
    )
