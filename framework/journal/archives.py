"""Whole days of a journal, moved into files of their own: `journal.db.archive/2026-11-21.jsonl.gz`.

Nothing is removed before it has been read back from the disk. The chain goes on through the archives: each
row carries its hash, and the journal keeps the hash of the last row it gave away.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zlib
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from framework.errors import JournalError
from framework.journal.heads import DayHead, End, day_of, read_days, write_durably
from framework.journal.reading import read
from framework.journal.rows import Row, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from framework.journal.store import Journal


def archive(
    journal: Journal, *, keep_days: int, now: int, on_work: Callable[[], None] | None = None
) -> list[Path]:
    """Move the days that are long over out of an open journal, oldest first; appends go on between.

    A day stays while recovery needs it: only rows before the last `checkpoint` are moved.

    Args:
        journal: It stays open and usable from other threads.
        keep_days: How many whole UTC days before today stay.
        now: Nanoseconds since the epoch, UTC.
        on_work: Called now and then meanwhile.

    Returns:
        The files, one a day.

    Raises:
        JournalError: The journal is damaged or cannot be written.
        OSError: An archive cannot be written; the day stays in the journal.
        ValueError: `keep_days` is negative.
    """
    files = []
    for head in due(journal.path, keep_days=keep_days, now=now, on_work=on_work):
        file = archive_path(journal.path) / f"{head.day}.jsonl.gz"
        if not file.exists():
            _write(journal.path, file, head.end, on_work)
        _check(file, head.end)
        journal.release(head.end)
        files.append(file)
    return files


def due(path: Path, *, keep_days: int, now: int, on_work: Callable[[], None] | None = None) -> list[DayHead]:
    """The heads of the days that `archive` would move, as in `over`.

    Raises:
        JournalError: The journal cannot be read.
        ValueError: `keep_days` is negative.
    """
    needed = 0
    for row in read(path, kinds=["checkpoint"], on_work=on_work):
        needed = row.seq
    heads = over(path, keep_days=keep_days, now=now, on_work=on_work)
    return [head for head in heads if head.end.count < needed]


def over(path: Path, *, keep_days: int, now: int, on_work: Callable[[], None] | None = None) -> list[DayHead]:
    """The heads of the days that are long over and still in the journal, whether recovery needs them or not.

    Args:
        path: The journal.
        keep_days: How many whole UTC days before today are not over.
        now: Nanoseconds since the epoch, UTC.
        on_work: Called now and then meanwhile.

    Raises:
        JournalError: The journal cannot be read.
        ValueError: `keep_days` is negative.
    """
    if keep_days < 0:
        raise ValueError(f"keep_days is {keep_days}; it cannot be negative")
    first_kept = (dt.date.fromisoformat(day_of(now)) - dt.timedelta(days=keep_days)).isoformat()
    first, last, latest = 0, None, 0
    for row in read(path, on_work=on_work):
        first, last, latest = first or row.seq, row, max(latest, row.ts)
    heads = {head.day: head for head in read_days(path) if isinstance(head, DayHead)}
    if last is not None:  # its day gets its head when the journal is next opened
        heads.setdefault(day_of(latest), DayHead(day_of(latest), End(last.seq, last.hash)))
    return [head for head in heads.values() if head.day < first_kept and first <= head.end.count]


def archived(path: Path) -> Iterator[Row]:
    """The rows that were moved out of a journal, in order.

    Raises:
        JournalError: An archive cannot be read.
    """
    folder = archive_path(path)
    for file in sorted(folder.glob("*.jsonl.gz")) if folder.is_dir() else ():
        yield from read_export(file)


def history(path: Path, **wanted: Any) -> Iterator[Row]:
    """The rows of a journal from the first ever written, archived ones included.

    Args:
        path: The journal.
        wanted: As in `read`.

    Raises:
        JournalError: As in `read`, or an archive cannot be read.
    """
    last = wanted.pop("after", 0)
    for row in archived(path):
        if row.seq > last:
            last = row.seq
            if _is_wanted(row, **wanted):
                yield row
    yield from read(path, after=last, **wanted)


def read_export(file: Path) -> Iterator[Row]:
    """The rows of a file of JSON lines, compressed when its name ends in `.gz`.

    Raises:
        JournalError: It cannot be read, or a line is no row.
    """
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield Row.from_dict(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise JournalError(
                        f"it is no row of a journal: {error}", where=f"{file}:{number}"
                    ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise JournalError(
            f"the file cannot be read: {type(error).__name__}: {error}", where=str(file)
        ) from None


def to_line(row: Row) -> bytes:
    """The row as one line of JSON, which `read_export` reads."""
    return encode(row.to_dict()).encode() + b"\n"


def archive_path(path: Path) -> Path:
    """Where the archives of a journal are."""
    return path.with_name(f"{path.name}.archive")


def _write(path: Path, file: Path, end: End, on_work: Callable[[], None] | None) -> None:
    file.parent.mkdir(exist_ok=True)
    rows = takewhile(lambda row: row.seq <= end.count, read(path, on_work=on_work))
    write_durably(file, gzip.compress(b"".join(map(to_line, rows)), mtime=0))


def _check(file: Path, end: End) -> None:
    """The file ends where the day does, and every row in it follows the one before.

    Raises:
        JournalError: It does not.
    """
    rows = list(read_export(file))
    chained = all(after.follows(before.hash) for before, after in pairwise(rows))
    if not rows or not chained or (rows[-1].seq, rows[-1].hash) != (end.count, end.hash):
        raise JournalError(
            "the archive is not the day it is named after",
            where=str(file),
            remedy="Move it away; the day is still in the journal and will be archived again.",
        )


def _is_wanted(
    row: Row,
    *,
    kinds: Any = (),
    strategy: str | None = None,
    order_id: str | None = None,
    since: int | None = None,
) -> bool:
    return (
        (not kinds or row.kind in kinds)
        and strategy in {None, row.strategy}
        and order_id in {None, row.order_id}
        and (since is None or row.ts >= since)
    )
