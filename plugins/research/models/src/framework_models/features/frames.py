"""Larger bars made from smaller ones, as they become complete."""

from __future__ import annotations

import numpy as np

from framework_models.features import folds
from framework_models.features.rows import Rows


class Frame:
    """The larger bars of one stream; those not complete are not seen.

    Args:
        width: Their length, nanoseconds; they end at its multiples since the epoch, UTC.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._state = np.zeros(5)
        self._times = np.zeros(1, dtype=np.int64)

    def update(self, rows: Rows) -> tuple[Rows, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """The larger bars that the next smaller ones complete, and how many of them each one knows."""
        room = 2 * rows.length
        ends, made = np.empty(room, dtype=np.int64), np.empty((5, room))
        known = np.empty(rows.length, dtype=np.int64)
        count = folds.resample(self._state, self._times, self._width, *rows, ends, made, known)
        return Rows(ends[:count], *made[:, :count]), known
