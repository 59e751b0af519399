"""Larger bars made from smaller ones, as they become complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from framework_models.features import folds
from framework_models.features.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Frame:
    """The larger bars of one stream; those not complete are not seen.

    Args:
        width: Their length, nanoseconds; they end at its multiples since the epoch, UTC.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._state = np.zeros(5)
        self._times = np.zeros(1, dtype=np.int64)
        self._one = _room(1)

    def update(self, rows: Rows) -> tuple[Rows | None, NDArray[np.int64]]:
        """The larger bars that the next smaller ones complete, if any, and how many of them each one knows.

        What one bar gives is kept until the next.
        """
        ends, made, known = self._one if rows.length == 1 else _room(rows.length)
        count = folds.resample(self._state, self._times, self._width, *rows, ends, made, known)
        return Rows(ends[:count], *made[:, :count]) if count else None, known


def _room(smaller: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """For the larger bars' ends, for them, and for how many are known."""
    room = 2 * smaller
    return np.empty(room, dtype=np.int64), np.empty((5, room)), np.empty(smaller, dtype=np.int64)
