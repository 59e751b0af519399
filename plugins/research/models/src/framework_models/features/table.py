"""Features side by side: one row a bar, one column a number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from framework_models.features.frames import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def update(self, rows: Rows) -> NDArray[np.float64]:
        """The next bars; one row of numbers for each, NaN where a number is not known yet."""
        out = np.empty((len(self.names), rows.length))
        for frame, folds in self._groups:
            if frame is None:
                for columns, fold in folds:
                    fold(rows, out[columns])
                continue
            larger, known = frame.update(rows)
            if not larger.length:  # as after most bars that come alone: what was known is
                for columns, _ in folds:
                    out[columns] = self._held[columns, None]
                continue
            for columns, fold in folds:
                # The value of the last complete larger bar: what was known before, then what became known.
                values = np.empty((columns.stop - columns.start, larger.length + 1))
                values[:, 0] = self._held[columns]
                part = np.empty((columns.stop - columns.start, larger.length))
                fold(larger, part)
                values[:, 1:] = part
                out[columns] = values[:, known]
                self._held[columns] = values[:, -1]
        return out.T


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
