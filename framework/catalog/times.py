"""Times in a source file to UTC nanoseconds, refusing whatever has two readings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from framework.catalog.frames import Column

EPOCH_UNITS = {10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1}
"""Nanoseconds in one unit of an epoch number, by its count of digits: s, ms, us, ns (years 2001 to 2286)."""
DAY = r"\d{4}-\d{2}-\d{2}"
DATE_TIME = DAY + r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})"
ISO = re.compile(rf"(?:{DAY}|{DATE_TIME})\s?(?P<offset>{OFFSET})?", re.ASCII)


def zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name.

    Raises:
        DataError: There is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(
            f'no time zone "{name}"',
            remedy="Use an IANA name such as UTC, America/New_York or Europe/London; a fixed UTC-5 is "
            "Etc/GMT+5 (the sign is the other way round).",
        ) from error


def utc_nanoseconds(
    texts: Sequence[str] | Column,
    lines: Sequence[int] | Column,
    *,
    path: str,
    timezone: str | None = None,
    time_format: str | None = None,
    session_close: str | None = None,
) -> npt.NDArray[np.int64]:
    """Parses a column of times.

    Args:
        texts: ISO 8601, an epoch number in s, ms, us or ns, or whatever `time_format` describes; as Python's
            or as Arrow's.
        lines: The line of the file each text stands on.
        path: The file, for messages.
        timezone: The IANA zone of the texts that carry no offset.
        time_format: A `strptime` pattern.
        session_close: `HH:MM`, added to texts that are dates without a time.

    Returns:
        Nanoseconds since 1970-01-01 UTC, one for each text.

    Raises:
        DataError: A text cannot be read, carries no offset while no zone is given, or names a local time
            that a change of the clocks makes ambiguous or skips.
    """
    import numpy as np  # noqa: PLC0415 - heavy, and the command line starts without it
    import pyarrow as pa  # noqa: PLC0415 - as above

    if isinstance(texts, (pa.Array, pa.ChunkedArray)):
        if time_format is None and session_close is None:
            known = _at_once(texts, lines, path, timezone)
            if known is not None:
                return known
        texts = texts.to_pylist()
    column = _Column(texts, lines, path, time_format)
    if not texts:
        return np.empty(0, dtype=np.int64)
    if time_format is None and all(text.isascii() and text.isdigit() for text in texts):
        return column.epoch()
    aware = column.has_offset()
    result = np.empty(len(texts), dtype=np.int64)
    for rows, with_offset in ((np.flatnonzero(aware), True), (np.flatnonzero(~aware), False)):
        if len(rows) == 0:
            continue
        stamps = column.parse(rows, utc=with_offset)
        if session_close is not None:
            stamps = column.at_close(rows, stamps, session_close)
        if not with_offset:
            stamps = column.localize(rows, stamps, timezone)
        result[rows] = stamps.as_unit("ns").asi8
    return result


def _at_once(
    texts: Column, lines: Sequence[int] | Column, path: str, timezone: str | None
) -> npt.NDArray[np.int64] | None:
    """A column that is written in one way throughout, or None."""
    import pandas as pd  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    def all_match(pattern: str) -> bool:
        return bool(pc.all(pc.match_substring_regex(texts, f"^(?:{pattern})$")).as_py())

    ts: npt.NDArray[np.int64] | None = None
    try:
        if pc.all(pc.ascii_is_decimal(texts)).as_py():
            digits = pc.min_max(pc.utf8_length(texts))
            unit = EPOCH_UNITS.get(digits["min"].as_py()) if digits["min"] == digits["max"] else None
            if unit is not None:
                ts = pc.multiply_checked(texts.cast(pa.int64()), unit).to_numpy()
        elif all_match(DATE_TIME + OFFSET):
            ts = texts.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()
        elif all_match(f"{DAY}|{DATE_TIME}"):
            naive = pd.DatetimeIndex(texts.cast(pa.timestamp("ns")).to_numpy())
            column = _Column([], lines, path, None)
            ts = column.localize(range(len(naive)), naive, timezone).as_unit("ns").asi8
    except pa.ArrowInvalid:  # which one is for the other way to say
        return None
    return ts


def names_a_day(text: str, time_format: str | None) -> bool:
    """Whether a time says which day, and nothing about when."""
    if time_format is not None:
        return not re.search(r"%[HIsXcTR]", time_format)
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) is not None


def from_local(
    naive: npt.NDArray[np.int64], lines: Sequence[int], *, path: str, timezone: str | None
) -> npt.NDArray[np.int64]:
    """Wall-clock nanoseconds of a zone to UTC nanoseconds.

    Args:
        naive: Nanoseconds since 1970-01-01 as the zone's clocks showed it.
        lines: The line of the file each stands on.
        path: The file, for messages.
        timezone: The IANA zone.

    Raises:
        DataError: No zone is given, or a change of the clocks makes a time ambiguous or skips it.
    """
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    column = _Column([], lines, path, None)
    stamps = pd.DatetimeIndex(naive.astype("datetime64[ns]"))
    return column.localize(np.arange(len(naive)), stamps, timezone).as_unit("ns").asi8


class _Column:
    """The texts of one column with what a message about one of them needs."""

    def __init__(
        self, texts: Sequence[str], lines: Sequence[int] | Column, path: str, time_format: str | None
    ) -> None:
        self.texts = texts
        self.lines = lines
        self.path = path
        self.time_format = time_format

    def refuse(self, row: int, message: str, remedy: str, error: Exception | None = None) -> NoReturn:
        raise DataError(message, where=f"{self.path}:{int(self.lines[row])}", remedy=remedy) from error

    def unreadable(self, row: int, error: Exception | None = None) -> NoReturn:
        how = (
            f'does not match the format "{self.time_format}"'
            if self.time_format
            else "is not ISO 8601 and not an epoch number"
        )
        self.refuse(
            row,
            f'the time "{self.texts[row][:60]}" {how}',
            "State how times are written with --time-format, such as "
            '"%d.%m.%Y %H:%M:%S.%f" (day and month are never guessed).',
            error,
        )

    def epoch(self) -> npt.NDArray[np.int64]:
        import numpy as np  # noqa: PLC0415

        digits = len(self.texts[0])
        for row, text in enumerate(self.texts):
            if len(text) != digits or digits not in EPOCH_UNITS:
                self.refuse(
                    row,
                    f'the time "{text[:40]}" is a number, and not an epoch in s, ms, us or ns '
                    "(10, 13, 16 or 19 digits, the same on every row)",
                    "State how times are written with --time-format, such as %Y%m%d.",
                )
        return np.array([int(text) for text in self.texts], dtype=np.int64) * EPOCH_UNITS[digits]

    def has_offset(self) -> npt.NDArray[np.bool_]:
        import numpy as np  # noqa: PLC0415

        if self.time_format is not None:
            return np.full(len(self.texts), "%z" in self.time_format)
        matches = [ISO.fullmatch(text) for text in self.texts]
        if None in matches:
            self.unreadable(matches.index(None))
        return np.array([match is not None and match["offset"] is not None for match in matches])

    def parse(self, rows: npt.NDArray[np.intp], *, utc: bool) -> pd.DatetimeIndex:
        import pandas as pd  # noqa: PLC0415

        pattern = self.time_format or "ISO8601"
        texts = [self.texts[row] for row in rows]
        try:
            return pd.to_datetime(texts, format=pattern, utc=utc).as_unit("ns")
        except (ValueError, OverflowError) as error:
            for row, text in zip(rows, texts, strict=True):
                try:
                    pd.to_datetime([text], format=pattern, utc=utc).as_unit("ns")
                except (ValueError, OverflowError):
                    self.unreadable(int(row), error)
            raise

    def at_close(
        self, rows: npt.NDArray[np.intp], stamps: pd.DatetimeIndex, session_close: str
    ) -> pd.DatetimeIndex:
        import pandas as pd  # noqa: PLC0415

        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", session_close):
            raise DataError(
                f'the session close "{session_close}" is not a time of day', remedy="Write it as HH:MM."
            )
        timed = stamps != stamps.normalize()
        if stamps.tz is not None or timed.any():
            self.refuse(
                int(rows[int(timed.argmax())]),
                "a session close is stated, and the times of this file already have a time of day",
                "Leave out --session-close.",
            )
        hours, minutes = session_close.split(":")
        return stamps + pd.Timedelta(hours=int(hours), minutes=int(minutes))

    def localize(
        self, rows: Sequence[int] | npt.NDArray[np.intp], stamps: pd.DatetimeIndex, timezone: str | None
    ) -> pd.DatetimeIndex:
        if timezone is None:
            self.refuse(
                int(rows[0]),
                "the times carry no offset from UTC and no time zone is stated",
                "State the zone of the file with --timezone, such as --timezone UTC or "
                "--timezone America/New_York.",
            )
        moments = stamps.tz_localize(zone(timezone), ambiguous="NaT", nonexistent="NaT")
        lost = moments.isna()
        if lost.any():
            first = int(lost.argmax())
            self.refuse(
                int(rows[first]),
                f"the local time {stamps[first]} does not name one instant in {timezone}: "
                "the clocks change there",
                "Export the file in UTC, write an offset on these rows (2024-11-03 01:30:00-05:00), or, "
                "when its clock never changes, state a fixed zone such as Etc/GMT+5.",
            )
        return moments
