"""What a model learns to foretell: 1 for up, -1 for down, 0 for neither, at every bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import numpy as np

from framework import PluginConfig, compiled
from framework_models.features import folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framework_models.features import Rows

CLASSES = (-1, 0, 1)


class Labels(NamedTuple):
    """One label a bar.

    Attributes:
        value: int64; -1, 0 or 1, where `known`.
        ends: int64; the number of the last bar the label looked at.
        known: Whether there were bars enough to tell.
    """

    value: NDArray[np.int64]
    ends: NDArray[np.int64]
    known: NDArray[np.bool_]


class FixedHorizon(PluginConfig, frozen=True, kw_only=True, tag_field="use", tag="fixed_horizon"):
    """Where the close is after some bars: above a band around this one, below it, or inside."""

    horizon: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=10_000)], msgspec.Meta(description="How many bars later.")
    ]
    band: Annotated[
        float,
        msgspec.Meta(ge=0.0, lt=1.0, description="Half of the band, as a share of the close."),
    ] = 0.0

    def of(self, rows: Rows) -> Labels:
        """The labels of these bars; the last ones have none."""
        count, ahead = rows.length, self.horizon
        change = np.zeros(count)
        change[: max(count - ahead, 0)] = rows.close[ahead:] / rows.close[: max(count - ahead, 0)] - 1.0
        value = (change > self.band).astype(np.int64) - (change < -self.band)
        numbers = np.arange(count)
        return Labels(value, numbers + ahead, numbers + ahead < count)


class TripleBarrier(PluginConfig, frozen=True, kw_only=True, tag_field="use", tag="triple_barrier"):
    """Which of two prices is reached first within some bars: the upper one, the lower one, or neither.

    Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 3; the barriers are average true
    ranges from the close. A bar that reaches both does not say which came first, and counts as neither.
    """

    horizon: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=10_000)], msgspec.Meta(description="Within how many bars.")
    ]
    up: Annotated[
        float, msgspec.Meta(gt=0.0, description="Distance of the upper barrier, in average true ranges.")
    ] = 1.0
    down: Annotated[
        float, msgspec.Meta(gt=0.0, description="Distance of the lower barrier, in average true ranges.")
    ] = 1.0
    atr_period: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=10_000)],
        msgspec.Meta(description="Bars of Wilder's average true range."),
    ] = 14

    def of(self, rows: Rows) -> Labels:
        """The labels of these bars; the first and the last ones may have none."""
        reach = np.empty(rows.length)
        folds.atr(np.zeros(4), rows.high, rows.low, rows.close, self.atr_period, reach)
        reach *= rows.close
        value = np.zeros(rows.length, dtype=np.int64)
        ends = np.zeros(rows.length, dtype=np.int64)
        known = np.zeros(rows.length, dtype=np.bool_)
        _first_touch(
            rows.high,
            rows.low,
            rows.close,
            reach * self.up,
            reach * self.down,
            self.horizon,
            value,
            ends,
            known,
        )
        return Labels(value, ends, known)


type LabelEntry = FixedHorizon | TripleBarrier


@compiled
def _first_touch(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    up: NDArray[np.float64],
    down: NDArray[np.float64],
    horizon: int,
    value: NDArray[np.int64],
    ends: NDArray[np.int64],
    known: NDArray[np.bool_],
) -> None:
    count = len(close)
    for n in range(count):
        if not up[n] > 0.0:  # no range known yet, or none at all
            continue
        for later in range(n + 1, min(n + horizon, count - 1) + 1):
            above = high[later] >= close[n] + up[n]
            below = low[later] <= close[n] - down[n]
            if above or below:
                value[n] = int(above) - int(below)
                ends[n], known[n] = later, True
                break
        if not known[n] and n + horizon < count:
            ends[n], known[n] = n + horizon, True
