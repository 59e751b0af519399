"""The positions of a z-score, over arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from framework import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def fades(
    zscore: NDArray[np.float64],
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    lookback: int,
    entry: float,
    exit_: float,
    stop: float,
    min_volatility: float,
    max_volatility: float,
    max_bars: int,
    long: int,
    short: int,
) -> NDArray[np.int64]:
    """`long` and `short` while a trade of that side is on, 0 while none is; thresholds as in the settings.

    A z-score counts from the bar that completes the lookback.
    """
    held = np.zeros(len(zscore), np.int64)
    side, since = 0, 0
    long_waits, short_waits = False, False
    for n in range(lookback - 1, len(zscore)):
        z = zscore[n]
        long_waits = long_waits and -z > exit_
        short_waits = short_waits and z > exit_
        if side != 0:
            against = -z * side
            goal = against <= exit_
            if goal or against >= stop or n - since >= max_bars:
                long_waits = long_waits or (side > 0 and not goal)
                short_waits = short_waits or (side < 0 and not goal)
                side = 0
        elif entry <= abs(z) < stop:
            wanted = -1 if z > 0.0 else 1
            waits = long_waits if wanted > 0 else short_waits
            size = long if wanted > 0 else short
            level = abs(mean[n])
            calm = deviation[n] < min_volatility * level
            wild = max_volatility < np.inf and deviation[n] > max_volatility * level
            if size != 0 and not (waits or calm or wild):
                side, since = wanted, n
        held[n] = long if side > 0 else short if side < 0 else 0
    return held
