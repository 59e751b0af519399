"""Trading windows and session boundaries in a time zone, cheap to ask on every bar.

Wall-clock times become nanoseconds once per boundary, so a bar costs two integer comparisons and daylight
saving needs no rule of its own: a time the clocks skip is read with the offset before the change, a time
they repeat is its first occurrence.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework_vwap.config import Window

_SECOND = 1_000_000_000
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ONE_DAY = timedelta(days=1)


class Schedule:
    """Answers whether a moment lies in any of the windows; without windows every moment does."""

    __slots__ = ("_open", "_since", "_until", "_windows", "_zone")

    def __init__(self, windows: Sequence[Window], time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._windows = [
            (set(w.days), time.fromisoformat(w.start), time.fromisoformat(w.end)) for w in windows
        ]
        self._open = True
        self._since = self._until = 0

    def is_open(self, now: int) -> bool:
        """True when `now`, in nanoseconds since the epoch, is inside a window."""
        if not self._windows:
            return True
        if not self._since <= now < self._until:
            self._locate(now)
        return self._open

    def _locate(self, now: int) -> None:
        today = _local_date(now, self._zone)
        spans = [span for offset in (-1, 0, 1) for span in self._spans(today + offset * _ONE_DAY)]
        horizon = _nanos(today + _ONE_DAY, time(), self._zone)
        self._open = any(start <= now < end for start, end in spans)
        self._since = now
        self._until = min((edge for span in spans for edge in span if edge > now), default=horizon)
        self._until = min(self._until, horizon)

    def _spans(self, day: date) -> Iterator[tuple[int, int]]:
        for days, start, end in self._windows:
            if _DAYS[day.weekday()] in days:
                last = day if end > start else day + _ONE_DAY
                yield _nanos(day, start, self._zone), _nanos(last, end, self._zone)


class Sessions:
    """Where the session of a moment ends."""

    __slots__ = ("_start", "_zone")

    def __init__(self, start: str, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._start = time.fromisoformat(start)

    def end(self, now: int) -> int:
        """The first session start at or after `now`, in nanoseconds since the epoch.

        A bar is stamped at its close, so a bar stamped at the boundary belongs to the session that ends.
        """
        today = _local_date(now, self._zone)
        ends = (_nanos(today + offset * _ONE_DAY, self._start, self._zone) for offset in (0, 1, 2))
        return next(end for end in ends if end >= now)


def _local_date(now: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(now // _SECOND, zone).date()


def _nanos(day: date, at: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, at, zone).timestamp()) * _SECOND
