"""When a trading day ends."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECOND = 1_000_000_000


def next_boundary(now: int, start: dt.time, zone: ZoneInfo) -> int:
    """The first instant after `now` at which the zone's clocks show `start`.

    On a day whose clocks skip that time, it is where the time would have been before the change; on a day
    that shows it twice, the first.

    Args:
        now: Nanoseconds since the epoch, UTC.
        start: The time a day starts at.
        zone: Whose clocks.

    Returns:
        Nanoseconds since the epoch, UTC.
    """
    date = dt.datetime.fromtimestamp(now // SECOND, zone).date() - dt.timedelta(days=1)
    while True:
        boundary = int(dt.datetime.combine(date, start, zone).timestamp()) * SECOND
        if boundary > now:
            return boundary
        date += dt.timedelta(days=1)
