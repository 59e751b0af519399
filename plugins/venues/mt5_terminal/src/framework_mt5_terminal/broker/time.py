"""The broker's clock: the wall clock of some place, written as if it were an epoch."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_ZONE = re.compile(r"^(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*?)?(?P<hours>[+-]\d{1,2}(\.5)?)?h?$")
MS = 1_000_000
"""Nanoseconds."""


class BrokerTime:
    """Reads the time; `zone` is an IANA name, hours, or both: `Europe/Athens`, `+2`, `America/New_York+7`."""

    def __init__(self, zone: str) -> None:
        found = _ZONE.match(zone)
        if found is None or not zone:
            raise ValueError(f"{zone!r} is not a time zone, such as Europe/Athens, +2 or America/New_York+7")
        self._zone = ZoneInfo(found["zone"]) if found["zone"] else UTC
        self._more = timedelta(hours=float(found["hours"] or 0))

    @staticmethod
    def now_ns() -> int:
        """UTC."""
        return time.time_ns()

    def wall_ms(self, utc_ns: int) -> int:
        """What the broker's clock shows at a UTC time, in milliseconds since 1970 as it were."""
        there = datetime.fromtimestamp(utc_ns // 10**9, tz=self._zone)
        offset = (there.utcoffset() or timedelta()) + self._more
        return utc_ns // MS + int(offset.total_seconds()) * 1000
