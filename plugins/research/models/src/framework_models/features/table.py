"""Features side by side: one row a bar, one column a number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from framework_models.features.frames import Frame
from framework_models.features.rows import OneBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.model import Bar
    from numpy.typing import NDArray

    from framework_models.features.feature import FeatureSettings, Fold
    from framework_models.features.rows import Rows


class FeatureSet:
    """Features of one stream of bars, and all they remember of it.

    Args:
        features: Which; each once.

    Attributes:
        names: The columns, in order.

    Raises:
        ValueError: A column would be there twice, or a feature still has to be fitted.
    """

    def __init__(self, features: Sequence[FeatureSettings]) -> None:
        self.names = column_names(features)
        self._groups: list[tuple[Frame | None, list[tuple[slice, Fold]]]] = []
        frames: dict[int | None, list[tuple[slice, Fold]]] = {}
        first = 0
        for feature in features:
            width = len(feature.names())
            frames.setdefault(feature.frame, []).append((slice(first, first + width), feature.start()))
            first += width
        for width_ns, folds in frames.items():
            self._groups.append((Frame(width_ns) if width_ns else None, folds))
        self._held = np.full(len(self.names), np.nan)
        self._bar = OneBar()
        self._row = np.empty((len(self.names), 1))
        self._numbers = list(self._row)

    def update(self, rows: Rows) -> NDArray[np.float64]:
        """The next bars; one row of numbers for each, NaN where a number is not known yet."""
        out = np.empty((len(self.names), rows.length))
        self._fill(rows, out, list(out))
        return out.T

    def update_bar(self, bar: Bar) -> NDArray[np.float64]:
        """The next bar, as the engine has it; its row of numbers."""
        self._fill(self._bar.rows(bar), self._row, self._numbers)
        return self._row[:, 0].copy()

    def _fill(self, rows: Rows, out: NDArray[np.float64], columns: list[NDArray[np.float64]]) -> None:
        for frame, folds in self._groups:
            if frame is None:
                for chosen, fold in folds:
                    fold(rows, columns[chosen])
                continue
            larger, known = frame.update(rows)
            if larger is None:  # as after most bars that come alone: what was known is
                for chosen, _ in folds:
                    out[chosen] = self._held[chosen, None]
                continue
            for chosen, fold in folds:
                # The value of the last complete larger bar: what was known before, then what became known.
                values = np.empty((chosen.stop - chosen.start, larger.length + 1))
                values[:, 0] = self._held[chosen]
                part = np.empty((chosen.stop - chosen.start, larger.length))
                fold(larger, list(part))
                values[:, 1:] = part
                out[chosen] = values[:, known]
                self._held[chosen] = values[:, -1]


def column_names(features: Sequence[FeatureSettings]) -> list[str]:
    """The columns of features, in order.

    Raises:
        ValueError: One would be there twice.
    """
    names = [name for feature in features for name in feature.names()]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"the feature {twice[0]} is named twice; name it once")
    return names
