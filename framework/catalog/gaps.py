"""Holes in a series, told apart from weekends and the daily closing of a market."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
SATURDAY_NOON = 2 * DAY + 12 * HOUR
"""Nanoseconds from 1970-01-01, a Thursday, to the first Saturday noon UTC, when every market is shut."""
LONGEST_WEEKEND = 4 * DAY + 2 * HOUR
"""A weekend with a holiday at each end, with a change of the clocks."""
RECURRING = 0.1
"""A gap of the same length at the same time of day on this share of days is the market's session break."""

type GapFinding = tuple[Literal["warning", "info"], str, int]


def gap_findings(ts: npt.NDArray[np.int64], *, bars: bool) -> Iterator[GapFinding]:
    """What can be said about the holes in a series.

    Args:
        ts: Times in order, nanoseconds UTC.
        bars: Whether the series has a regular step, so that every longer interval is a hole; of ticks only
            the longest silence is told.

    Yields:
        A severity, a sentence and a number of gaps.
    """
    import numpy as np  # noqa: PLC0415 - heavy, and the command line starts without it

    steps = np.diff(ts)
    if len(steps) == 0:
        return
    usual = 0
    if bars:
        lengths, counts = np.unique(steps, return_counts=True)
        usual = int(lengths[counts.argmax()])
    holes = np.flatnonzero(steps > usual)
    start, length = ts[holes], steps[holes]
    weekend = _spans_weekend(start, length)
    if not bars:
        yield from _longest_silence(start[~weekend], length[~weekend])
        return
    recurring = _recurring(start, length, days=len(np.unique(ts // DAY))) & ~weekend
    rest = ~weekend & ~recurring
    known = int(weekend.sum() + recurring.sum())
    if known:
        sentence = (
            f"{int(weekend.sum())} weekends and {int(recurring.sum())} regular session breaks, "
            f"beside the usual step of {_span(usual)}"
        )
        yield "info", sentence, known
    if rest.any():
        index = int(np.where(rest, length, 0).argmax())
        sentence = (
            f"{int(rest.sum())} gaps longer than the usual step of {_span(usual)} are neither weekend nor "
            f"session break (holidays, or missing data); the longest is {_span(int(length[index]))} from "
            f"{_moment(int(start[index]))}"
        )
        yield "warning", sentence, int(rest.sum())


def _spans_weekend(start: npt.NDArray[np.int64], length: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    week = 7 * DAY
    to_noon = (SATURDAY_NOON - start) % week
    return (to_noon < length) & (length <= LONGEST_WEEKEND)


def _recurring(
    start: npt.NDArray[np.int64], length: npt.NDArray[np.int64], *, days: int
) -> npt.NDArray[np.bool_]:
    import numpy as np  # noqa: PLC0415

    if len(start) == 0:
        return np.zeros(0, dtype=bool)
    kinds = np.stack([start % DAY, length], axis=1)
    _, which, counts = np.unique(kinds, axis=0, return_inverse=True, return_counts=True)
    return counts[which.ravel()] >= max(5, RECURRING * days)


def _longest_silence(start: npt.NDArray[np.int64], length: npt.NDArray[np.int64]) -> Iterator[GapFinding]:
    if len(length):
        index = int(length.argmax())
        severity: Literal["warning", "info"] = "warning" if length[index] >= HOUR else "info"
        yield (
            severity,
            f"the longest silence is {_span(int(length[index]))} from {_moment(int(start[index]))}",
            1,
        )


def _span(nanoseconds: int) -> str:
    import pandas as pd  # noqa: PLC0415

    return str(pd.Timedelta(nanoseconds, unit="ns")).removeprefix("0 days ")


def _moment(nanoseconds: int) -> str:
    import pandas as pd  # noqa: PLC0415

    return pd.Timestamp(nanoseconds, tz="UTC").isoformat().replace("+00:00", "Z")
