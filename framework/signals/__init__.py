"""What a strategy can say at once about all bars: the arrays it reads, and the positions it wants.

A spec offers it as `signals`, a pure function of the strategy's settings and the bars:

    def signals(config: CrossConfig, bars: Bars) -> Signals:
        fast, slow = bars.ema(config.fast), bars.ema(config.slow)
        return Signals(np.where(fast > slow, bars.steps(config.quantity), 0), closes_at_end=True)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from nautilus_trader.model import Quantity
    from numpy.typing import NDArray

COLUMNS = ("ts", "open", "high", "low", "close", "volume")
MOST_KEPT = 512 * 2**20
"""Bytes of derived arrays that bars keep; beyond it they are worked out again."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The position that a strategy wants after every bar.

    The strategy must send for it what the array pass sends: nothing while it stays the same, and one market
    order for the difference when it changes; when it changes sides, two, out first and then in, unless
    `turns_at_once`.

    Attributes:
        target: int64, one a bar, long above zero; in steps of the instrument's size precision: see
            `Bars.steps`. Element n depends on bars 0 to n and on nothing after them.
        closes_at_end: The strategy closes what it holds when it is stopped after the last bar.
        turns_at_once: It changes sides with one order for the whole difference.
    """

    target: NDArray[np.int64]
    closes_at_end: bool
    turns_at_once: bool = False


class Bars:
    """The bars of one instrument as arrays of one length, oldest first; none may be written to.

    Args:
        instrument: The engine's instrument.
        ts: int64; the close of each bar, nanoseconds UTC.
        open: float64, exactly what `bar.open.as_double()` is; so are the next three.
        high: float64.
        low: float64.
        close: float64.
        volume: float64.
    """

    def __init__(
        self,
        instrument: Any,
        *,
        ts: NDArray[np.int64],
        open: NDArray[np.float64],  # noqa: A002 - the bar's own word
        high: NDArray[np.float64],
        low: NDArray[np.float64],
        close: NDArray[np.float64],
        volume: NDArray[np.float64],
    ) -> None:
        self.instrument = instrument
        self.ts, self.open, self.high, self.low = ts, open, high, low
        self.close, self.volume = close, volume
        for name in COLUMNS:
            getattr(self, name).setflags(write=False)
        self._kept: dict[Hashable, Any] = {}
        self._size = 0

    def __len__(self) -> int:
        """Bars."""
        return len(self.ts)

    def first(self, count: int) -> Bars:
        """The first bars alone, as if no others were known."""
        return Bars(self.instrument, **{name: getattr(self, name)[:count].copy() for name in COLUMNS})

    def steps(self, quantity: Quantity) -> int:
        """A quantity in steps of the instrument's size precision.

        Raises:
            CompositionError: It has more decimals than that; nothing is rounded.
        """
        precision = self.instrument.size_precision
        steps = quantity.as_decimal().scaleb(precision)
        if steps != int(steps):
            raise CompositionError(
                f"quantity {quantity} has more decimals than {self.instrument.id} trades in",
                remedy=f"Write one with {precision}.",
            )
        return int(steps)

    def once(self, key: Hashable, work_out: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """An array derived from these bars, worked out the first time it is asked for under this key."""
        kept: NDArray[Any] | None = self._kept.get(key)
        if kept is None:
            kept = work_out()
            kept.setflags(write=False)
            if self._size + kept.nbytes <= MOST_KEPT:
                self._kept[key] = kept
                self._size += kept.nbytes
        return kept

    def ema(self, period: int) -> NDArray[np.float64]:
        """The engine's ExponentialMovingAverage of the closes, bit by bit; NaN until it has enough."""
        from framework.signals.averages import ema  # noqa: PLC0415 - numba loads when arrays are worked on

        return self.once(("ema", period), lambda: ema(self.close, period))

    def follow(self, key: Hashable, indicator: Any, *attributes: str) -> NDArray[np.float64]:
        """What the engine's indicator says after every close: a row for each of the attributes.

        Args:
            key: Kept under it; name the indicator and all its arguments.
            indicator: A new one, with `update_raw(close)`.
            attributes: Such as `value`.
        """

        def work_out() -> NDArray[np.float64]:
            rows = np.empty((len(attributes), len(self)))
            for n, close in enumerate(self.close.tolist()):
                indicator.update_raw(close)
                for row, name in enumerate(attributes):
                    rows[row, n] = getattr(indicator, name)
            return rows

        return self.once(key, work_out)


def first_difference(
    signals: Callable[[Any, Bars], Signals], config: Any, bars: Bars, cuts: int, seed: int = 0
) -> str | None:
    """Where signals look ahead: the first bar whose target is another one when the bars end early.

    The bars are cut right after and right before changes of the target, and anywhere.

    Args:
        signals: The spec's function.
        config: The strategy's settings.
        bars: All the bars.
        cuts: At how many places, at most.
        seed: Chooses them.
    """
    whole = signals(config, bars).target
    rng = np.random.default_rng(seed)
    changes = np.flatnonzero(np.diff(whole, prepend=0))
    chosen = rng.permutation(np.concatenate([changes, changes + 1]))[: cuts // 2]
    anywhere = rng.integers(1, len(bars) + 1, cuts - len(chosen))
    for length in sorted({int(cut) for cut in (*chosen, *anywhere) if cut > 0}):
        part = signals(config, bars.first(length)).target
        if len(part) != length:
            return f"{length} bars gave {len(part)} targets"
        if not np.array_equal(part, whole[:length]):
            at = int(np.flatnonzero(part != whole[:length])[0])
            return (
                f"the target after bar {at} is {part[at]} when the bars end with bar {length - 1} "
                f"and {whole[at]} when more of them follow"
            )
    return None
