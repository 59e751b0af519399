"""Bars as features read them: arrays of one length, which may be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framework import Bars


class Rows(NamedTuple):
    """Consecutive bars, oldest first.

    Attributes:
        ts: int64; the close of each bar, nanoseconds UTC.
        open: float64, like the next four.
        high: The highest price.
        low: The lowest price.
        close: The last price.
        volume: What was traded.
    """

    ts: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    @classmethod
    def of(cls, bars: Bars) -> Rows:
        """All bars of a stream."""
        return cls(bars.ts, bars.open, bars.high, bars.low, bars.close, bars.volume)

    @classmethod
    def of_bar(cls, bar: Any) -> Rows:
        """One bar of the engine."""
        prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        return cls(np.array([bar.ts_event]), *(np.array([value.as_double()]) for value in prices))

    def part(self, start: int, stop: int) -> Rows:
        """The bars from one number to before another."""
        ts, *others = (column[start:stop] for column in self)
        return Rows(ts, *others)  # type: ignore[arg-type]

    @property
    def length(self) -> int:
        """Bars."""
        return len(self.ts)
