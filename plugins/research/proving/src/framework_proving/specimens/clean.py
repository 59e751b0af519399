"""Strategies that know only what they may, several of them doing what looks like cheating and is not."""
# ruff: noqa: D102, PLR2004 - each class says what it does; its numbers mean nothing beyond it

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model import OrderSide, Quantity

from framework_proving.specimens.regime import filtered
from framework_proving.specimens.trader import Specimen, sign, spec_of

if TYPE_CHECKING:
    from nautilus_trader.model import Bar, InstrumentId, Price

DAY = 86_400 * 10**9


def _number(price: Price) -> float:
    return price.as_double()


class MovingAverages(Specimen):
    """The cross of two simple averages."""

    def wanted(self, bar: Bar) -> int | None:
        closes = self.closes[bar.bar_type.instrument_id]
        return sign(float(np.mean(closes[-5:]) - np.mean(closes[-15:]))) if len(closes) >= 15 else None


class RollingScore(Specimen):
    """Fades the z-score over the last thirty closes."""

    def wanted(self, bar: Bar) -> int | None:
        closes = np.array(self.closes[bar.bar_type.instrument_id][-30:])
        if len(closes) < 30:
            return None
        score = (closes[-1] - closes.mean()) / (closes.std() or 1.0)
        return -sign(score) if abs(score) > 1 else None


class ScalerOnThePast(Specimen):
    """Fades the z-score over everything seen so far: a scaler that is fitted again on every bar."""

    def wanted(self, bar: Bar) -> int | None:
        closes = np.array(self.closes[bar.bar_type.instrument_id])
        if len(closes) < 20:
            return None
        score = (closes[-1] - closes.mean()) / (closes.std() or 1.0)
        return -sign(score) if abs(score) > 0.5 else 0


class FilteredRegime(Specimen):
    """Trades momentum in the calm regime, as a filter tells it that has seen the returns so far."""

    def wanted(self, bar: Bar) -> int | None:
        closes = np.array(self.closes[bar.bar_type.instrument_id])
        if len(closes) < 12:
            return None
        noisy = filtered(np.diff(np.log(closes)), 0.001)[-1]
        return sign(float(closes[-1] - closes[-11])) if noisy < 0.5 else 0


class PastOfTheFile(Specimen):
    """Reads the whole file, and uses no row of it that is later than the bar."""

    def prepare(self) -> None:
        self.known = self.file()

    def wanted(self, bar: Bar) -> int | None:
        place = self.known.at(bar.ts_init)
        return sign(float(self.known.close[place] - self.known.close[place - 8])) if place >= 8 else None


class Breakout(Specimen):
    """Buys above the highest of the last ten bars, and follows with a stop that it moves."""

    def prepare(self) -> None:
        self.stop: Any = None

    def wanted(self, bar: Bar) -> int | None:
        instrument_id = bar.bar_type.instrument_id
        bars = self.bars[instrument_id][-11:-1]
        if len(bars) < 10:
            return None
        lowest = min((each.low for each in bars), key=_number)
        if self.held[instrument_id] == 0:
            if _number(bar.close) > max(_number(each.high) for each in bars) and self.stop is None:
                self.hold(instrument_id, 1)
                self.stop = self._stop(instrument_id, lowest)
                self.submit_order(self.stop)
        elif self.stop is not None and _number(lowest) > _number(self._resting().trigger_price):
            self.modify_order(self.stop.client_order_id, trigger_price=lowest)
        return None

    def _resting(self) -> Any:
        return self.cache.order(self.stop.client_order_id)

    def _stop(self, instrument_id: InstrumentId, trigger: Price) -> Any:
        precision = self.instrument(instrument_id).size_precision
        quantity = Quantity.from_decimal_dp(self.settings.quantity.as_decimal(), precision)
        return self.order_factory.stop_market(
            instrument_id, OrderSide.SELL, quantity, trigger, reduce_only=True
        )

    def on_order_filled(self, event: Any) -> None:
        super().on_order_filled(event)
        if self.stop is not None and event.client_order_id == self.stop.client_order_id:
            self.stop = None


class SeededDice(Specimen):
    """Throws dice, always the same ones."""

    def prepare(self) -> None:
        self.dice = random.Random(11)  # noqa: S311 - no secret is drawn

    def wanted(self, bar: Bar) -> int | None:
        del bar
        return self.dice.choice((1, 0, -1, None, None))


class TimeOfDay(Specimen):
    """Long in the morning, short in the afternoon, whatever the price."""

    def wanted(self, bar: Bar) -> int | None:
        hour = bar.ts_init // (3_600 * 10**9) % 24
        return 1 if 6 < hour <= 12 else -1 if 12 < hour <= 18 else 0


class YesterdaysRange(Specimen):
    """Buys above yesterday's high and sells below yesterday's low."""

    def wanted(self, bar: Bar) -> int | None:
        bars = self.bars[bar.bar_type.instrument_id]
        today = (bar.ts_init - 1) // DAY
        before = [each for each in bars[-60:] if (each.ts_init - 1) // DAY == today - 1]
        if not before:
            return None
        if _number(bar.close) > max(_number(each.high) for each in before):
            return 1
        return -1 if _number(bar.close) < min(_number(each.low) for each in before) else None


class RestingOrders(Specimen):
    """Leaves a limit order below the market, and takes it back after six bars."""

    def wanted(self, bar: Bar) -> int | None:
        instrument_id = bar.bar_type.instrument_id
        if len(self.closes[instrument_id]) % 6:
            return None
        self.cancel_all_orders(instrument_id)
        instrument = self.instrument(instrument_id)
        buy = self.held[instrument_id] <= 0
        away = 5 * instrument.price_increment.as_decimal()
        price = bar.close.as_decimal() - away if buy else bar.close.as_decimal() + away
        quantity = Quantity.from_decimal_dp(self.settings.quantity.as_decimal(), instrument.size_precision)
        self.submit_order(
            self.order_factory.limit(
                instrument_id,
                OrderSide.BUY if buy else OrderSide.SELL,
                quantity,
                instrument.make_price(float(price)),
            )
        )
        return None


class Timer(Specimen):
    """Turns its position round every nine hours, by the clock, unless the last bar fell."""

    def prepare(self) -> None:
        start = datetime.fromtimestamp(self.clock.timestamp_ns() / 1e9, tz=UTC)
        self.clock.set_timer("turn", timedelta(hours=9), start_time=start, callback=self.turn)

    def turn(self, event: Any) -> None:
        """The timer is due."""
        del event
        instrument_id = self.settings.bar_types[0].instrument_id
        closes = self.closes[instrument_id]
        if len(closes) > 1:
            self.hold(instrument_id, 1 if self.held[instrument_id] <= 0 or closes[-1] > closes[-2] else -1)

    def wanted(self, bar: Bar) -> int | None:
        del bar
        return None


class LearnsAsItGoes(Specimen):
    """Fits a line of the next return on the last two, every forty bars, on what it has seen by then."""

    def prepare(self) -> None:
        self.weights = np.zeros(2)

    def wanted(self, bar: Bar) -> int | None:
        returns = np.diff(self.closes[bar.bar_type.instrument_id])
        if len(returns) < 40:
            return None
        if len(returns) % 40 == 0:
            features = np.column_stack([returns[1:-1], returns[:-2]])
            self.weights = np.linalg.lstsq(features, returns[2:], rcond=None)[0]
        return sign(float(self.weights @ returns[-1:-3:-1]))


class TwoInstruments(Specimen):
    """Trades the first instrument by the last bar that the second has shown."""

    def wanted(self, bar: Bar) -> int | None:
        first, second = (bar_type.instrument_id for bar_type in self.settings.bar_types[:2])
        if bar.bar_type.instrument_id != first or len(self.closes[second]) < 6:
            return None
        return sign(self.closes[second][-1] - self.closes[second][-6])


class SettledScore(Specimen):
    """Leaves the market alone between entries, and decides by the last twenty closes and nothing before."""

    def wanted(self, bar: Bar) -> int | None:
        closes = np.array(self.closes[bar.bar_type.instrument_id][-20:])
        if len(closes) < 20:
            return None
        score = (closes[-1] - closes.mean()) / (closes.std() or 1.0)
        return -sign(score) if abs(score) > 1.2 else 0


SETTLED = spec_of(SettledScore)
"""Needs twenty closes and waits for them: what the check of the warm-up must leave alone."""

CLEAN = tuple(
    map(
        spec_of,
        (
            MovingAverages,
            RollingScore,
            ScalerOnThePast,
            FilteredRegime,
            PastOfTheFile,
            Breakout,
            SeededDice,
            TimeOfDay,
            YesterdaysRange,
            RestingOrders,
            Timer,
            LearnsAsItGoes,
            TwoInstruments,
            SettledScore,
        ),
    )
)
"""None may be accused."""
