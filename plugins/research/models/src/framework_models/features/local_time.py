"""Wall-clock time of whole arrays, from the zone's own rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from framework_models.features import folds
from framework_models.features.folds import SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
"""No zone has changed its offset twice within a week since the first of these dates."""


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        ValueError: There is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'no time zone "{name}"; write an IANA name such as "America/New_York"') from error


class LocalTime:
    """Turns UTC into the wall clock of a zone.

    Args:
        zone: An IANA name.
    """

    def __init__(self, zone: str) -> None:
        self._starts, self._offsets = _offsets(zone)

    def __call__(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nanoseconds since 1970-01-01 00:00 of the wall clock, for nanoseconds since the epoch in UTC."""
        return folds.wall_clock(self._starts, self._offsets, ts)


@cache
def _offsets(name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each offset begins, and the offset, in nanoseconds; the first one begins before all time."""
    zone = zone_named(name)
    starts, offsets = [np.iinfo(np.int64).min], [_offset(zone, FIRST)]
    moment = FIRST
    while moment < LAST:
        following = min(moment + WEEK, LAST)
        if _offset(zone, following) != offsets[-1]:
            starts.append(_change(zone, moment, following))
            offsets.append(_offset(zone, following))
        moment = following
    table = np.array(starts), np.array(offsets)
    for column in table:
        column.setflags(write=False)
    return table


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> int:
    """The second at which the offset changes, as nanoseconds since the epoch."""
    low, high = int(before.timestamp()), int(after.timestamp())
    old = _offset(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, datetime.fromtimestamp(middle, UTC)) == old:
            low = middle
        else:
            high = middle
    return high * SECOND


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - a zone has one
    return int(offset.total_seconds()) * SECOND
