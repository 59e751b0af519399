"""Fewer points, same picture: of each stretch of a curve its first, lowest, highest and last points stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def thin(*curves: pd.Series[float], points: int) -> list[int]:
    """Row numbers to keep, ascending, so that no peak and no trough of any curve disappears.

    Args:
        curves: Curves over the same rows.
        points: About how many rows to keep; everything when there are no more than that.
    """
    rows = len(curves[0])
    if rows <= points:
        return list(range(rows))
    stretches = max(1, points // (1 + len(curves)))
    kept = {0, rows - 1}
    values = [curve.to_numpy() for curve in curves]
    for stretch in range(stretches):
        begin, end = stretch * rows // stretches, (stretch + 1) * rows // stretches
        for series in values:
            part = series[begin:end]
            if (part == part).any():  # noqa: PLR0124 - NaN is not equal to itself
                kept.update((begin + int(_argmin(part)), begin + int(_argmin(-part))))
    return sorted(kept)


def sample(rows: int, wanted: int) -> list[int]:
    """Row numbers of an even choice, first and last included; everything when there are no more."""
    if rows <= wanted:
        return list(range(rows))
    return [number * (rows - 1) // (wanted - 1) for number in range(wanted)]


def _argmin(part: object) -> int:
    import numpy as np  # noqa: PLC0415 - the command line starts without numpy

    return int(np.nanargmin(np.asarray(part, dtype=float)))
