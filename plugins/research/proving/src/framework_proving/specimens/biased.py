"""Fifteen strategies that use what is not known yet, the way it happens to people."""
# ruff: noqa: D102, PLR2004 - each class says what it does; its numbers mean nothing beyond it

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from nautilus_trader.model import OrderSide, Quantity

from framework_proving.specimens.regime import smoothed
from framework_proving.specimens.trader import Specimen, sign, spec_of

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_trader.model import Bar, InstrumentId
    from numpy.typing import NDArray

DAY = 86_400 * 10**9


class _FromFile(Specimen):
    """Decides by an array worked out once over the whole file."""

    def prepare(self) -> None:
        self.known = self.file()
        self.signal = self.worked_out(self.known.close)

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        """A number a bar, whose sign is the position wanted."""
        raise NotImplementedError

    def wanted(self, bar: Bar) -> int | None:
        place = self.known.at(bar.ts_init)
        return sign(float(self.signal[place])) if place >= 0 else None


class NextClose(_FromFile):
    """Buys when the next close is higher: a shift in the wrong direction."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(np.diff(close), 0.0)


class CenteredAverage(_FromFile):
    """Compares the close with an average centred on it: half of it is the future."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        width = np.ones(11) / 11
        padded = np.pad(close, 5, mode="edge")
        return np.convolve(padded, width, mode="valid") - close


class ScalerOnWholeSet(_FromFile):
    """Fades the z-score of the price, with mean and deviation of the whole set."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        score = (close - close.mean()) / close.std()
        return -np.where(np.abs(score) > 0.5, score, 0.0)


class SmoothedRegime(_FromFile):
    """Trades momentum in the calm regime, as a smoother tells it that has seen all returns."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        returns = np.diff(np.log(close), prepend=np.log(close[0]))
        noisy = smoothed(returns, 0.001)
        slope = close - np.concatenate([np.full(10, close[0]), close[:-10]])
        return np.where(noisy < 0.5, slope, 0.0)


class Detrended(_FromFile):
    """Fades the distance from a straight line that was fitted to the whole set."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        time = np.arange(len(close), dtype=np.float64)
        slope, level = np.polyfit(time, close, 1)
        line: NDArray[np.float64] = level + slope * time
        return line - close


class SpectralFilter(_FromFile):
    """Follows the slope of a low-pass filter over the spectrum of the whole set."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        spectrum = np.fft.rfft(close)
        spectrum[len(spectrum) // 10 :] = 0
        return np.diff(np.fft.irfft(spectrum, len(close)), prepend=close[0])


class FilledBackwards(_FromFile):
    """Knows each day's last close all day long: a daily column, filled backwards."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        days = (self.known.ts - 1) // DAY
        last = dict(zip(days.tolist(), close.tolist(), strict=True))
        return np.array([last[day] for day in days.tolist()]) - close


class TodaysRange(_FromFile):
    """Buys in the lower half of today's range, and sells in the upper, before the day is over."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        days = (self.known.ts - 1) // DAY
        middle = np.empty_like(close)
        for day in np.unique(days):
            today = days == day
            middle[today] = (self.known.high[today].max() + self.known.low[today].min()) / 2
        return middle - close


class RepaintedPivot(_FromFile):
    """Buys at a low that is one because the three bars after it are higher."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        signal = np.zeros_like(close)
        for place in range(3, len(close) - 3):
            around = close[place - 3 : place + 4]
            signal[place] = float(close[place] == around.min()) - float(close[place] == around.max())
        return signal


class BestParameter(_FromFile):
    """Chooses its moving average by what each would have earned on the whole set."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        ahead = np.append(np.diff(close), 0.0)

        def signal(length: int) -> NDArray[np.float64]:
            sums = np.cumsum(np.insert(close, 0, 0.0))
            means = np.array(
                [(sums[n + 1] - sums[max(0, n + 1 - length)]) / min(length, n + 1) for n in range(len(close))]
            )
            signs: NDArray[np.float64] = np.sign(close - means)
            return signs

        tried = [signal(length) * side for length in (3, 5, 8, 13, 21, 34) for side in (1, -1)]
        return max(tried, key=lambda each: float((each * ahead).sum()))


class KnowsTheEnd(_FromFile):
    """An honest average, but it stops trading thirty bars before the data does."""

    def worked_out(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        before = np.concatenate([np.full(5, close[0]), close[:-5]])
        signal: NDArray[np.float64] = close - before
        signal[-30:] = 0.0
        return signal


class BestInstrument(Specimen):
    """Trades only the instrument that did best in the whole set: survivorship."""

    def prepare(self) -> None:
        def gain(close: NDArray[np.float64]) -> float:
            return float(close[-1] / close[0])

        held = {
            bar_type.instrument_id: gain(self.file(bar_type).close) for bar_type in self.settings.bar_types
        }
        self.best = max(held, key=lambda instrument_id: held[instrument_id])

    def wanted(self, bar: Bar) -> int | None:
        closes = self.closes[bar.bar_type.instrument_id]
        if bar.bar_type.instrument_id != self.best or len(closes) < 6:
            return None
        return sign(closes[-1] - closes[-6])


class FutureSize(Specimen):
    """An honest direction, and a size by the volatility of the twenty bars to come."""

    def prepare(self) -> None:
        self.known = self.file()

    def size(self, instrument_id: InstrumentId) -> Decimal:
        del instrument_id
        place = self.known.at(self.clock.timestamp_ns())
        returns = np.diff(self.known.close[place : place + 21])
        share = 1 if len(returns) == 0 else 1 + int(float(np.abs(returns).mean()) * 1e5) % 9
        return self.settings.quantity.as_decimal() * share / 10

    def wanted(self, bar: Bar) -> int | None:
        closes = self.closes[bar.bar_type.instrument_id]
        return sign(closes[-1] - closes[-6]) if len(closes) > 5 else None


class FutureStop(Specimen):
    """An honest entry, with its stop just below the lowest price of the ten bars to come."""

    def prepare(self) -> None:
        self.known = self.file()

    def wanted(self, bar: Bar) -> int | None:
        instrument_id = bar.bar_type.instrument_id
        closes = self.closes[instrument_id]
        if len(closes) < 8 or len(closes) % 12:
            return None
        self.cancel_all_orders(instrument_id)
        place = self.known.at(bar.ts_init)
        instrument = self.instrument(instrument_id)
        lowest = float(self.known.low[place : place + 11].min())
        trigger = instrument.make_price(lowest - 2 * float(instrument.price_increment.as_double()))
        quantity = Quantity.from_decimal_dp(self.settings.quantity.as_decimal(), instrument.size_precision)
        self.hold(instrument_id, 1)
        self.submit_order(
            self.order_factory.stop_market(instrument_id, OrderSide.SELL, quantity, trigger, reduce_only=True)
        )
        return None


class LeadingInstrument(Specimen):
    """Trades the first instrument by the next bar of the second: two clocks taken for one."""

    def prepare(self) -> None:
        self.known = self.file(self.settings.bar_types[-1])

    def wanted(self, bar: Bar) -> int | None:
        if bar.bar_type != self.settings.bar_types[0]:
            return None
        place = self.known.at(bar.ts_init)
        if not 0 <= place < len(self.known.close) - 1:
            return 0
        return sign(float(self.known.close[place + 1] - self.known.close[place]))


class UnsettledAverage(Specimen):
    """Crosses two recursive averages from the first bar on, long before they mean anything.

    It sees no future; it is the specimen of `framework check warmup`.
    """

    def prepare(self) -> None:
        self.fast: dict[InstrumentId, float] = {}
        self.slow: dict[InstrumentId, float] = {}

    def wanted(self, bar: Bar) -> int | None:
        instrument_id, close = bar.bar_type.instrument_id, bar.close.as_double()
        fast = self.fast.get(instrument_id, close)
        slow = self.slow.get(instrument_id, close)
        fast, slow = fast + (close - fast) / 3, slow + (close - slow) / 30
        self.fast[instrument_id], self.slow[instrument_id] = fast, slow
        apart = fast - slow
        return sign(apart) if abs(apart) > 0.0005 * close else 0


UNSETTLED = spec_of(UnsettledAverage)
"""Sees no future, and must be found out by the check of the warm-up."""

BIASED = tuple(
    map(
        spec_of,
        (
            NextClose,
            CenteredAverage,
            ScalerOnWholeSet,
            SmoothedRegime,
            Detrended,
            SpectralFilter,
            FilledBackwards,
            TodaysRange,
            RepaintedPivot,
            BestParameter,
            KnowsTheEnd,
            BestInstrument,
            FutureSize,
            FutureStop,
            LeadingInstrument,
        ),
    )
)
"""Each must be found out."""
