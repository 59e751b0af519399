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

    def part(self, start: int, stop: int) -> Rows:
        """The bars from one number to before another."""
        ts, *others = (column[start:stop] for column in self)
        return Rows(ts, *others)  # type: ignore[arg-type]

    @property
    def length(self) -> int:
        """Bars."""
        return len(self.ts)


class OneBar:
    """Bars that come one at a time, each in the arrays of the one before.

    Making six arrays of one number each takes longer than most features do.
    """

    def __init__(self) -> None:
        self._ts, self._numbers = np.zeros(1, dtype=np.int64), np.zeros(5)
        self._rows = Rows(self._ts, *self._numbers.reshape(5, 1))

    def rows(self, bar: Any) -> Rows:
        """A bar of the engine, until the next."""
        self._ts[0] = bar.ts_event
        self._numbers[:] = (
            bar.open.as_double(),
            bar.high.as_double(),
            bar.low.as_double(),
            bar.close.as_double(),
            bar.volume.as_double(),
        )
        return self._rows
