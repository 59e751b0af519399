"""Returns of instruments over equal intervals, and how two of them move together."""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nautilus_trader.model import InstrumentId


class Returns:
    """The last price of every interval, by instrument.

    An interval in which an instrument had no price, or one of zero or less, gives no return, nor does the
    one after it.

    Args:
        interval: In nanoseconds; intervals begin at multiples of it since the epoch.
        samples: Intervals to look back.
        least: Returns in common that a correlation needs.
    """

    def __init__(self, interval: int, samples: int, least: int) -> None:
        self._interval = interval
        self._samples = samples
        self._least = least
        self._closes: dict[InstrumentId, dict[int, float]] = {}
        self._latest: dict[InstrumentId, int] = {}
        self._known: dict[tuple[InstrumentId, InstrumentId], tuple[int, int, float | None]] = {}

    def add(self, instrument_id: InstrumentId, price: float, now: int) -> None:
        """Take note of a price; the last of an interval is its close."""
        closes = self._closes.get(instrument_id)
        if closes is None:
            closes = self._closes[instrument_id] = {}
        interval = now // self._interval
        closes[interval] = price
        self._latest[instrument_id] = interval
        if len(closes) > 2 * (self._samples + 2):
            for old in [key for key in closes if key < interval - self._samples - 1]:
                del closes[old]

    def correlation(self, one: InstrumentId, other: InstrumentId) -> float | None:
        """Pearson's, over the completed intervals both have a return in; None when those are too few.

        Prices that never change correlate with nothing: None too.
        """
        first, second = self._latest.get(one), self._latest.get(other)
        if first is None or second is None:
            return None
        known = self._known.get((one, other))
        if known is None or known[:2] != (first, second):
            known = first, second, self._correlation(one, other, max(first, second))
            self._known[one, other] = known
        return known[2]

    def _correlation(self, one: InstrumentId, other: InstrumentId, last: int) -> float | None:
        mine, theirs = self._returns(self._closes[one], last), self._returns(self._closes[other], last)
        common = sorted(mine.keys() & theirs.keys())
        if len(common) < self._least:
            return None
        try:
            return statistics.correlation([mine[key] for key in common], [theirs[key] for key in common])
        except statistics.StatisticsError:
            return None

    def _returns(self, closes: dict[int, float], last: int) -> dict[int, float]:
        keys = sorted(key for key in closes if last - self._samples - 1 <= key < last)
        return {
            key: closes[key] / closes[before] - 1
            for before, key in itertools.pairwise(keys)
            if key == before + 1 and closes[before] > 0 and closes[key] > 0
        }
