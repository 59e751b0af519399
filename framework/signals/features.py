"""Numbers that are known after every bar, defined twice: bar by bar, and over whole arrays.

A strategy follows a feature in the same words everywhere:

    def on_start(self):
        self._readings = follow(self, momentum(20), self._settings.bar_type)
        self.subscribe_bars(self._settings.bar_type)

    def on_bar(self, bar):
        self._readings.update(bar)
        (value,) = self._readings.values()

On paper, live and on a bare engine that is the definition bar by bar. In a backtest the one over arrays is
worked out once, before the first bar, shown not to look ahead and to say what the other one says, and then
looked up.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from nautilus_trader.model import Bar, Price, Quantity

from framework.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nautilus_trader.model import BarType
    from nautilus_trader.trading import Strategy
    from numpy.typing import NDArray

    from framework.signals import Bars

AT_LEAST = 1_000
"""Bars over which the two definitions are compared before a backtest, from the first one on."""
SETTLED = 256
"""Bars compared after the last column has its first number."""
ALONE = 32
"""Bars that `finish` is given alone before a backtest."""
TABLE = 2
CUTS = 6
"""Places at which the bars are cut before a backtest. Together they cost less than the feature itself."""


class Readings(Protocol):
    """A feature as it stands after the last bar it was shown."""

    def update(self, bar: Bar) -> None:
        """Take in a bar; every bar, in order."""

    def values(self) -> Sequence[float]:
        """One number for each column; NaN until there are enough bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One or several numbers known at the close of every bar of one instrument.

    Attributes:
        name: Says which, with every setting that changes the numbers, such as `momentum(20)`: what has one
            name is worked out once.
        columns: A name for each number.
        online: Makes the definition bar by bar, from the engine's instrument; it knows nothing yet.
        offline: The definition over arrays: float64, a row for each column and an element for each bar, NaN
            where there are not enough. Element n depends on bars 0 to n and on nothing after them.
        tolerance: How far the two may be apart, times the number itself or times 1, whichever is more; 0 for
            the same arithmetic in the same order. For arithmetic that depends on the size of a batch.
        finish: What is made of the numbers of one bar, such as a model's prediction, and told instead:
            from float64 with a row for each bar and a column for each number to a row for each bar. It is
            given all bars at once, or one when somebody asks, and the tolerance is for what it gives. All
            at once it is called in a thread of its own, before the numbers have been proven, and must not
            write to them.
    """

    name: str
    columns: tuple[str, ...]
    online: Callable[[Any], Readings]
    offline: Callable[[Bars], NDArray[np.float64]]
    tolerance: float = 0.0
    finish: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None


def follow(strategy: Strategy, feature: Feature, bar_type: BarType) -> Readings:
    """Readings of a feature on bars that the strategy receives; ask in `on_start`.

    Args:
        strategy: Who asks.
        feature: What it wants to know.
        bar_type: The bars it will pass to `update`, as it subscribes to them.

    Raises:
        CheckFailed: The array form looks ahead, or differs from the one bar by bar.
    """
    precomputed = getattr(strategy, "_precomputed", None)
    readings: Readings | None = None if precomputed is None else precomputed(feature, bar_type)
    if readings is not None:
        return readings
    online = feature.online(strategy.cache.instrument(bar_type.instrument_id))
    return online if feature.finish is None else _Finished(online, feature.finish)


class _Finished:
    """Readings whose numbers are finished when somebody asks."""

    def __init__(self, inner: Readings, finish: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
        self._inner = inner
        self._finish = finish

    def update(self, bar: Bar) -> None:
        self._inner.update(bar)

    def values(self) -> Sequence[float]:
        told: list[float] = self._finish(np.array([self._inner.values()], dtype=np.float64))[0].tolist()
        return told


def check_feature(
    feature: Feature,
    bars: Bars,
    bar_type: BarType,
    *,
    cuts: int = CUTS,
    compared: int | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The array form over all the bars, shown to be causal and to agree with the form bar by bar.

    Args:
        feature: What is checked.
        bars: All the bars.
        bar_type: Of the bars.
        cuts: At how many places the bars are made to end.
        compared: Over how many bars the forms are compared, from the first one on; by default over a
            thousand, and at least 256 more than the slowest column needs before it has a number.
        seed: Chooses the places.

    Returns:
        A row for each column, or for each number that `finish` makes of them; not to be written to.

    Raises:
        CheckFailed: It is no array of that shape, looks ahead, or differs; the first bar is named.
    """
    whole = _offline(feature, bars)
    whole.setflags(write=False)
    if feature.finish is None:
        _prove(feature, bars, bar_type, whole, cuts, compared, seed)
        return whole
    # A model is compiled code that lets others run: it is asked while the numbers it looks at are proven.
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(_finish, feature, whole.T)
        _prove(feature, bars, bar_type, whole, cuts, compared, seed)
        told = asked.result()
    _prove_finish(feature, bars, whole.T, told)
    told.setflags(write=False)
    return told.T


def _prove(
    feature: Feature,
    bars: Bars,
    bar_type: BarType,
    whole: NDArray[np.float64],
    cuts: int,
    compared: int | None,
    seed: int,
) -> None:
    """Raise when the array form looks ahead, or is not what the form bar by bar says."""
    tolerance = feature.tolerance if feature.finish is None else 0.0
    for length in _lengths(len(bars), cuts, seed):
        at = _differs(_offline(feature, bars.first(length)), whole[:, :length], tolerance)
        if at is not None:
            column, bar, mine, theirs = at
            raise CheckFailed(
                f"feature {feature.name} looks ahead: {feature.columns[column]} after {_bar(bars, bar)} is "
                f"{mine} when the bars end with bar {length - 1}, and {theirs} when more of them follow",
                remedy="Element n may depend on bars 0 to n only. Report it to the plugin.",
            )
    count = min(len(bars), _settled(whole) if compared is None else compared)
    at = _differs(_online(feature, bars, bar_type, count), whole[:, :count], tolerance)
    if at is not None:
        column, bar, mine, theirs = at
        raise CheckFailed(
            f"feature {feature.name} has two definitions that differ: {feature.columns[column]} after "
            f"{_bar(bars, bar)} is {mine} bar by bar and {theirs} over arrays",
            remedy="A backtest would trade on other numbers than paper and live. Report it to the plugin.",
        )


def _finish(feature: Feature, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    finish: Any = feature.finish
    told = finish(rows)
    if not isinstance(told, np.ndarray) or told.ndim != TABLE or len(told) != len(rows):
        raise CheckFailed(
            f"feature {feature.name} finishes {len(rows)} bars with {type(told).__name__} "
            f"of shape {np.shape(told)}",
            remedy="A row for each bar. Report it to the plugin.",
        )
    return told


def _prove_finish(feature: Feature, bars: Bars, rows: NDArray[np.float64], told: NDArray[np.float64]) -> None:
    """Raise when what is told of all bars at once is not what is told of some of them alone."""
    for bar in np.unique(np.linspace(0, len(rows) - 1, ALONE).astype(int)) if len(rows) else ():
        alone = _finish(feature, rows[bar : bar + 1])
        if alone.shape[1] != told.shape[1]:
            raise CheckFailed(
                f"feature {feature.name} tells {alone.shape[1]} numbers of one bar and {told.shape[1]} of "
                "many",
                remedy="As many of each. Report it to the plugin.",
            )
        at = _differs(alone.T, told[bar : bar + 1].T, feature.tolerance)
        if at is not None:
            raise CheckFailed(
                f"feature {feature.name} says otherwise of one bar than of many: {at[2]} of "
                f"{_bar(bars, int(bar))} alone, and {at[3]} among the others",
                remedy="`finish` may depend on the numbers of its own bar only. Report it to the plugin.",
            )


def records(bars: Bars, bar_type: BarType, count: int | None = None) -> Iterator[Bar]:
    """The engine's own bars again, the first `count` of them, or all."""
    price, size = bars.instrument.price_precision, bars.instrument.size_precision
    names = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.ts)
    for o, h, l, c, volume, ts in zip(*(column[:count].tolist() for column in names), strict=True):  # noqa: E741
        yield Bar(
            bar_type,
            Price(o, price),
            Price(h, price),
            Price(l, price),
            Price(c, price),
            Quantity(volume, size),
            ts,
            ts,
        )


def _offline(feature: Feature, bars: Bars) -> NDArray[np.float64]:
    made: Any = feature.offline(bars)
    wanted = (len(feature.columns), len(bars))
    if not isinstance(made, np.ndarray) or made.dtype != np.float64 or made.shape != wanted:
        said = f"{made.dtype} of shape {made.shape}" if isinstance(made, np.ndarray) else type(made).__name__
        raise CheckFailed(
            f"feature {feature.name} is {said} over arrays, not float64 of shape {wanted}",
            remedy="A row for each column, an element for each bar. Report it to the plugin.",
        )
    return made


def _online(feature: Feature, bars: Bars, bar_type: BarType, count: int) -> NDArray[np.float64]:
    readings = feature.online(bars.instrument)
    rows = np.empty((count, len(feature.columns)))
    for row, bar in zip(rows, records(bars, bar_type, count), strict=True):
        readings.update(bar)
        values = readings.values()
        if len(values) != len(feature.columns):
            raise CheckFailed(
                f"feature {feature.name} gave {len(values)} numbers for {len(feature.columns)} columns",
                remedy="Report it to the plugin.",
            )
        row[:] = values
    return rows.T


def _lengths(bars: int, cuts: int, seed: int) -> list[int]:
    """Where to cut: one place anywhere, the others in shorter and shorter parts of the beginning.

    Every cut compares all bars before it, and costs as much as its length.
    """
    rng = np.random.default_rng(seed)
    tops = [bars, *(max(1, bars >> (n + 3)) for n in range(cuts - 1))]
    return sorted({int(rng.integers(1, top, endpoint=True)) for top in tops[:cuts]} if bars else ())


def _settled(whole: NDArray[np.float64]) -> int:
    """How many bars have to be compared for every column to have been compared as a number."""
    known = ~np.isnan(whole)
    firsts = [int(row.argmax()) for row in known if row.any()]
    return max([AT_LEAST, *(first + SETTLED for first in firsts)])


def _differs(
    part: NDArray[np.float64], whole: NDArray[np.float64], tolerance: float
) -> tuple[int, int, float, float] | None:
    """Column, bar and both numbers where they first are not the same; NaN is the same as NaN."""
    found: tuple[int, int] | None = None
    for column, (mine, theirs) in enumerate(zip(part, whole, strict=True)):
        same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        if tolerance:
            with np.errstate(invalid="ignore"):  # infinite minus infinite
                same |= np.abs(mine - theirs) <= tolerance * np.maximum(1.0, np.abs(theirs))
        if not same.all():
            at = int(same.argmin()), column
            found = at if found is None else min(found, at)
    if found is None:
        return None
    bar, column = found
    return column, bar, float(part[column, bar]), float(whole[column, bar])


def _bar(bars: Bars, number: int) -> str:
    when = np.datetime_as_string(bars.ts[number : number + 1].view("datetime64[ns]"), unit="s")[0]
    return f"bar {number} ({when}Z)"
