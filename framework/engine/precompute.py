"""Features of a backtest, worked out over arrays before the first bar and looked up as the bars go by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.errors import CompositionError, RunError
from framework.signals.features import check_feature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.model import Bar, BarType
    from numpy.typing import NDArray

    from framework.compose import Plan, Stream
    from framework.engine.feed import Feed
    from framework.signals import Bars
    from framework.signals.features import Feature, Readings


class Precomputed:
    """What `follow` asks in a backtest; what was worked out is kept for whoever asks again.

    Args:
        plan: Says which data, and seeds the checks.
        feed: The same data, checked.
    """

    def __init__(self, plan: Plan, feed: Feed) -> None:
        self._plan = plan
        self._feed = feed
        self._bars: dict[Stream, tuple[Bars, memoryview[int]] | None] = {}

    def __call__(self, feature: Feature, bar_type: BarType) -> Readings | None:
        """Readings that look up; None for bars that are not in the catalog, or that arrays cannot hold.

        Raises:
            CheckFailed: The array form looks ahead, or differs from the one bar by bar.
        """
        stream = next((stream for stream in self._feed.files if stream.bar_type == bar_type), None)
        held = None if stream is None else self._read(stream)
        if held is None:
            return None
        bars, times = held

        def work_out() -> NDArray[Any]:
            return check_feature(feature, bars, bar_type, seed=self._plan.seed).T

        rows = bars.once(("feature", feature.name), work_out)
        return _LookedUp(feature.name, times, rows)

    def _read(self, stream: Stream) -> tuple[Bars, memoryview[int]] | None:
        if stream not in self._bars:
            from framework.catalog.arrays import read_arrays  # noqa: PLC0415 - pyarrow; most runs do without

            plan, files = self._plan, self._feed.files[stream]
            bar_type: Any = stream.bar_type
            try:
                bars = read_arrays(plan.catalog, files, bar_type, start=plan.start, end=plan.end).bars
            except CompositionError:  # the definition bar by bar has no such limit
                self._bars[stream] = None
            else:
                self._bars[stream] = bars, memoryview(bars.ts)
        return self._bars[stream]


class _LookedUp:
    """Readings whose next row is the next bar's."""

    __slots__ = ("_last", "_name", "_rows", "_seen", "_times")

    def __init__(self, name: str, times: memoryview[int], rows: NDArray[Any]) -> None:
        self._name = name
        self._times = times
        self._rows = rows
        self._last: Bar | None = None
        self._seen = 0

    def update(self, bar: Bar) -> None:
        self._last = bar
        self._seen += 1

    def values(self) -> Sequence[float]:
        at = self._seen - 1
        if self._last is None:
            return [float("nan")] * self._rows.shape[1]
        if at >= len(self._times) or self._times[at] != self._last.ts_init:
            raise RunError(
                f"feature {self._name} was shown {self._seen} bars, and the last is not bar {self._seen} of "
                "the run",
                remedy="Pass every bar of the type it follows to `update`, from the run's first bar on.",
            )
        values: list[float] = self._rows[at].tolist()
        return values
