"""The last rows of features up to a bar, as a model that reads them in order looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

AT_ONCE = 4_096
"""Windows copied out of the table at a time: they overlap, and all of them are many times its size."""


@dataclass(frozen=True, slots=True)
class Windows:
    """One window a sample, kept as the place where it ends.

    Attributes:
        rows: float32, a row a bar; every bar, in order.
        last: int64; the number of the row each window ends with, rising.
        reach: int64; the number of the last row that each sample's label looked at.
        length: Rows in a window.
    """

    rows: NDArray[np.float32]
    last: NDArray[np.int64]
    reach: NDArray[np.int64]
    length: int

    def __len__(self) -> int:
        """Samples."""
        return len(self.last)

    @property
    def columns(self) -> int:
        """Numbers in a row."""
        return int(self.rows.shape[1])

    def __getitem__(self, chosen: NDArray[np.int64]) -> Windows:
        """The windows of these samples."""
        return Windows(self.rows, self.last[chosen], self.reach[chosen], self.length)

    def array(self) -> NDArray[np.float32]:
        """All windows: samples, rows from the oldest to the last, columns."""
        made: NDArray[np.float32] = self.rows[self.last[:, None] + np.arange(1 - self.length, 1)]
        return made

    def parts(self) -> Iterator[NDArray[np.float32]]:
        """The same in parts that fit into memory."""
        for first in range(0, len(self), AT_ONCE):
            yield self[np.arange(first, min(first + AT_ONCE, len(self)))].array()


def is_full(known: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Where a row and those before it that make a window are all known."""
    full = np.zeros(len(known), dtype=np.bool_)
    if len(known) >= length:
        full[length - 1 :] = np.lib.stride_tricks.sliding_window_view(known, length).all(axis=1)
    return full
