"""Crosses of two averages, over arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from framework import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def crosses(
    fast: NDArray[np.float64], slow: NDArray[np.float64], above: int, below: int
) -> NDArray[np.int64]:
    """`above` from a cross of the fast average over the slow one, `below` from one under it, 0 before any.

    Equal averages are on the side they were on before. NaN is on no side.
    """
    held = np.zeros(len(fast), np.int64)
    side, target = 0, 0
    for n in range(len(fast)):
        now = 1 if fast[n] > slow[n] else -1 if fast[n] < slow[n] else 0
        if now != 0 and now != side:  # noqa: PLR1714 - numba knows no sets of mixed numbers
            if side != 0:
                target = above if now > 0 else below
            side = now
        held[n] = target
    return held
