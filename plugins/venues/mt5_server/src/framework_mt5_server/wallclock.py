"""The broker's clock: its wall clock written as an epoch, turned into UTC, and never believed unchecked.

The zone is a setting. Ticks prove it: one that has just come must show the time the zone says it is. When it
does not, or nothing has proven it since the zone's offset changed, nothing is traded.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SPEC = re.compile(r"^(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*?)?(?P<hours>[+-]\d{1,2}(\.5)?)?$")
TOLERANCE_MS = 30_000
"""How far a fresh tick may be from the time the zone says; the rest is delay, and clocks that differ."""
PROOF_MS = 6 * 3600 * 1000
"""How long a proof counts."""
LOOKED_MS = 5_000
"""A tick that was not there so long ago is a fresh one."""
HOUR_MS = 3_600_000


class ServerClock:
    """Turns the broker's times into UTC and back; times are in milliseconds."""

    def __init__(self, spec: str) -> None:
        found = SPEC.match(spec)
        if not spec or found is None:
            raise ValueError(f"`clock` {spec!r} is no zone; write Europe/Athens, +2 or America/New_York+7")
        try:
            self._zone = ZoneInfo(found["zone"]) if found["zone"] else UTC
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"`clock` names no zone: {found['zone']!r}") from error
        self._more_ms = int(float(found["hours"] or 0) * HOUR_MS)
        self._lock = threading.Lock()
        self._last: dict[str, tuple[int, int]] = {}
        self._proof: tuple[int, int] | None = None
        self._wrong: str | None = None

    def offset_ms(self, utc_ms: int) -> int:
        """How far the broker's clock is ahead of UTC, at a UTC time."""
        there = datetime.fromtimestamp(utc_ms // 1000, tz=self._zone).utcoffset() or timedelta()
        return int(there.total_seconds() * 1000) + self._more_ms

    def repeats(self, utc_ms: int) -> bool:
        """Whether the broker's clock shows an hour for the second time."""
        return self.offset_ms(utc_ms) < self.offset_ms(utc_ms - HOUR_MS)

    def to_wall_ms(self, utc_ms: int) -> int:
        """What the broker's clock shows at a UTC time."""
        return utc_ms + self.offset_ms(utc_ms)

    def latest_wall_ms(self) -> int:
        """The latest that the broker's clock can show now."""
        return self.to_wall_ms(int(time.time() * 1000)) + TOLERANCE_MS

    def to_utc_ms(self, wall_ms: int, not_after_ms: int | None = None) -> int:
        """When the broker's clock showed a time.

        In the hour that comes twice in autumn the later one is meant, unless it is after `not_after_ms` (by
        default now): what is reported has happened. In the hour that never comes in spring the offset before
        the change counts.
        """
        limit = (int(time.time() * 1000) if not_after_ms is None else not_after_ms) + TOLERANCE_MS
        guesses = {
            wall_ms - self.offset_ms(wall_ms - self.offset_ms(wall_ms) + shift)
            for shift in (-HOUR_MS, 0, HOUR_MS)
        }
        true = sorted(guess for guess in guesses if self.to_wall_ms(guess) == wall_ms)
        if not true:
            return wall_ms - self.offset_ms(wall_ms - self.offset_ms(wall_ms) - HOUR_MS)
        past = [guess for guess in true if guess <= limit]
        return past[-1] if past else true[0]

    def series_utc_ms(self, walls_ms: list[int]) -> list[int]:
        """The same for times in order; the hour that comes twice is told apart by going on."""
        made: list[int] = []
        for wall in walls_ms:
            first = self.to_utc_ms(wall, not_after_ms=-(10**15))
            if made and first < made[-1]:
                first = max(first, self.to_utc_ms(wall))
            made.append(first)
        return made

    def observe(self, symbol: str, wall_ms: int) -> None:
        """A symbol's newest tick was read; whether it is fresh shows by its being another one than before."""
        now = int(time.time() * 1000)
        ahead = wall_ms - self.to_wall_ms(now)
        with self._lock:
            before, seen = self._last.get(symbol, (wall_ms, 0))
            self._last[symbol] = (wall_ms, now)
            fresh = wall_ms != before and now - seen < LOOKED_MS
            if abs(ahead) <= TOLERANCE_MS:
                self._proof, self._wrong = (self.offset_ms(now), now), None
            elif fresh or (ahead > TOLERANCE_MS and not self.repeats(now)):
                # In the hour that comes twice an old tick is ahead too, and proves nothing.
                self._wrong = (
                    f"a tick of {symbol} that has just come is {ahead / 1000:+.0f} s from what `clock` says; "
                    "correct `clock`, or this machine's time"
                )

    def watched(self) -> list[str]:
        """The symbols whose ticks were looked at: looking again soon tells which of them are fresh."""
        with self._lock:
            return list(self._last)

    @property
    def disproven(self) -> bool:
        """Whether a tick has shown another time than the zone: no time of the broker's is known then."""
        with self._lock:
            return self._wrong is not None

    def trouble(self) -> str | None:
        """Why the broker's time is not known; None when it is."""
        now = int(time.time() * 1000)
        with self._lock:
            if self._wrong is not None:
                return self._wrong
            if self._proof is None:
                return "no tick has proven the broker's time yet"
            offset, at = self._proof
        if offset != self.offset_ms(now):
            return "the broker's clock has changed, and no tick has proven it since"
        if now - at > PROOF_MS:
            return "no tick has proven the broker's time for hours"
        return None


def iso(utc_ms: int) -> str:
    """A time as it is written on the wire: UTC, with its zone."""
    return (
        datetime.fromtimestamp(utc_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc_ms % 1000:03d}Z"
    )
