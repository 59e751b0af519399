"""Is the journal what was written? Every row against the one before it, and the end against the heads.

What is found:

- a row that was changed, moved, taken out or put in: its hash, or that of the next, does not fit;
- rows cut off the end: the mark and the heads of the days say how many there were;
- a damaged file that no longer reads: SQLite says so.

What cannot be found: the whole folder, heads and all, put back to an older state. Keep signed heads
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import apsw

from framework.errors import JournalError
from framework.journal.archives import archived
from framework.journal.heads import (
    DAY,
    DayHead,
    End,
    HeadDamaged,
    Mark,
    day_of,
    heads_path,
    mark_path,
    read_days,
    read_mark,
)
from framework.journal.reading import base_of, is_empty, never_written, no_row, opened, read
from framework.journal.rows import GENESIS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from framework.journal.rows import Row

MOST_FINDINGS = 20
"""After so many broken rows the walk stops: the file is another file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes:
        severity: An `error` is something that was not written so; a `remark` could not be checked.
        check: `file`, `row`, `chain`, `mark`, `tail`, `day` or `archive`.
        where: The row or the file.
        message: What is wrong with it.
    """

    severity: Literal["error", "remark"]
    check: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a journal was found to be.

    Attributes:
        path: The journal.
        rows: Rows read, archived ones included.
        intact: The last row up to which every row is what was written.
        findings: What is wrong, in the order of the rows.
        turns: For every UTC day that is over, the last row before the next day's.
    """

    path: str
    rows: int
    intact: End
    findings: tuple[Finding, ...]
    turns: Mapping[str, End]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain values, for JSON."""
        return {
            "journal": self.path,
            "ok": not self.errors,
            "rows": self.rows,
            "intact": {"count": self.intact.count, "hash": self.intact.hash.hex()},
            "findings": [
                {"severity": one.severity, "check": one.check, "where": one.where, "message": one.message}
                for one in self.findings
            ],
        }


def verify(
    path: Path,
    *,
    key: bytes | None = None,
    archives: bool = True,
    on_row: Callable[[int], None] = lambda seq: None,  # noqa: ARG005
    on_work: Callable[[], None] | None = None,
) -> Verdict:
    """Check a journal, also one that is being written.

    Args:
        path: The journal.
        key: What its heads are signed with; signatures are not checked without it.
        archives: False when the archives are kept elsewhere: archived rows are then not checked.
        on_row: Told the `seq` of every row, for a progress bar.
        on_work: Called now and then meanwhile, also while SQLite looks through the file before the first row.

    Raises:
        JournalError: There is no such file, or nothing was ever in it.
    """
    walk = _Walk(on_row)
    mark = _mark(path, key, walk)
    before = {head.day for head in read_days(path, key) if isinstance(head, DayHead)}
    if never_written(path, mark) and not walk.findings:
        raise no_row(path)
    if is_empty(path):
        gone = "holds nothing" if path.is_file() else "is gone"
        rows = f", and there were {mark.written.count} rows in it" if mark else ""
        walk.error("file", path.name, f"it {gone}{rows}")
        return walk.verdict(path)
    try:
        with opened(path, on_work) as connection:
            for (problem,) in connection.execute("PRAGMA integrity_check(5)"):
                if problem != "ok":
                    walk.error("file", path.name, f"SQLite says: {problem}")
            base = base_of(connection)
    except (JournalError, apsw.Error, ValueError, KeyError) as error:
        walk.error("file", path.name, error.message if isinstance(error, JournalError) else str(error))
        return walk.verdict(path)
    walk.wanted = {base.count, *((mark.written.count, mark.synced.count) if mark else ())}
    walk.wanted |= {head.end.count for head in read_days(path, key) if isinstance(head, DayHead)}
    if archives:
        walk.archives(path, base)
    else:
        walk.skip(base)
    walk.live(path, on_work)
    if mark is not None:
        walk.compare_mark(path, mark)
    elif walk.end.count and not any(finding.check == "mark" for finding in walk.findings):
        walk.error("mark", mark_path(path).name, "it is gone: rows cut off the end could not be noticed")
    walk.compare_days(path, read_days(path, key), before)
    return walk.verdict(path)


def verify_rows(path: Path, rows: Iterable[Row]) -> Verdict:
    """Check rows that were exported from the beginning; their end has nothing to be held against.

    Args:
        path: Where they are.
        rows: In the order of the file.

    Raises:
        JournalError: They cannot be read.
    """
    walk = _Walk(lambda seq: None)  # noqa: ARG005
    walk.rows(rows)
    walk.remark("tail", path.name, "an export has no heads: rows cut off its end cannot be noticed")
    return walk.verdict(path)


@dataclass
class _Walk:
    """The rows read so far, and what was wrong with them."""

    on_row: Callable[[int], None]
    end: End = field(default_factory=lambda: End(0, GENESIS))
    intact: End = field(default_factory=lambda: End(0, GENESIS))
    count: int = 0
    findings: list[Finding] = field(default_factory=list)
    broken: int = 0
    day: int | None = None
    hashes: dict[int, bytes] = field(default_factory=dict)
    turns: dict[str, End] = field(default_factory=dict)
    wanted: set[int] = field(default_factory=set)

    def error(self, check: str, where: str, message: str) -> None:
        self.findings.append(Finding("error", check, where, message))

    def remark(self, check: str, where: str, message: str) -> None:
        self.findings.append(Finding("remark", check, where, message))

    def verdict(self, path: Path) -> Verdict:
        return Verdict(str(path), self.count, self.intact, tuple(self.findings), self.turns)

    def rows(self, rows: Iterable[Row]) -> None:
        """Each row against the one before it."""
        for row in rows:
            self._row(row)
            if self.broken > MOST_FINDINGS:
                self.error("chain", f"row {row.seq}", "too many rows are wrong: the rest was not read")
                return

    def _row(self, row: Row) -> None:
        self.on_row(row.seq)
        self.count += 1
        where = f"row {row.seq}"
        if row.seq != self.end.count + 1:
            gap = row.seq - self.end.count - 1
            self._break(
                "chain", where, f"{gap} rows before it are missing" if gap > 0 else "it comes a second time"
            )
        elif not row.follows(self.end.hash):
            self._break("row", where, "it, or the row before it, is not what was written")
        elif not self.broken:
            self.intact = End(row.seq, row.hash)
        if not row.is_well_formed():
            self.end = End(row.seq, b"")
            return
        day = row.ts // DAY
        if self.day is not None and day > self.day:
            self.turns[day_of(self.day * DAY)] = self.end
        self.day = day if self.day is None else max(day, self.day)
        self.end = End(row.seq, row.hash)
        if row.seq in self.wanted:
            self.hashes[row.seq] = row.hash

    def _break(self, check: str, where: str, message: str) -> None:
        self.broken += 1
        self.error(check, where, message)

    def archives(self, path: Path, base: End) -> None:
        """The rows that were moved out; some may still be in the journal when moving them was interrupted."""
        try:
            self.rows(row for row in archived(path) if row.seq <= base.count)
        except JournalError as error:
            self._break("archive", error.where or path.name, error.message)
        if self.end != base:
            self._break(
                "archive",
                f"row {base.count}",
                f"the rows up to it were archived, and the archives end with row {self.end.count}",
            )
        self.end = base

    def skip(self, base: End) -> None:
        """Begin after the archived rows."""
        if base.count:
            self.remark("archive", f"row {base.count}", f"rows 1 to {base.count} are archived: not checked")
        self.intact = self.end = base
        self.hashes[base.count] = base.hash

    def live(self, path: Path, on_work: Callable[[], None] | None) -> None:
        """The rows that are there."""
        try:
            self.rows(read(path, on_work=on_work))
        except JournalError as error:
            self._break("file", f"after row {self.end.count}", error.message)

    def compare_mark(self, path: Path, mark: Mark) -> None:
        """The end against what the writer knew to be there."""
        name = mark_path(path).name
        if mark.synced.count > self.end.count:
            missing = mark.synced.count - self.end.count
            self.error("mark", name, f"the last {missing} rows are missing, and they were on the disk")
        elif mark.written.count > self.end.count:
            missing = mark.written.count - self.end.count
            self.error(
                "tail", name, f"the last {missing} rows, not yet on the disk when written, are missing"
            )
        for end in (mark.synced, mark.written):
            self._held(name, end)

    def compare_days(self, path: Path, heads: list[DayHead | str], before: set[str]) -> None:
        """The ends of the days against their heads.

        Args:
            path: The journal.
            heads: What is there after the rows were read.
            before: The days that had a head before the rows were read; later ones may be ahead of them.
        """
        folder = heads_path(path).name
        days = set()
        for head in heads:
            if isinstance(head, str):
                self.error("day", f"{folder}/{head}", "it is damaged, or its signature is wrong")
                continue
            days.add(head.day)
            where = f"{folder}/{head.day}.json"
            if head.end.count <= self.end.count:
                self._held(where, head.end)
            elif head.day in before:
                self.error(
                    "day", where, f"the journal ends with row {self.end.count}, the day with a later one"
                )
        for day in self.turns:
            if day not in days and f"{day}.json" not in heads:
                self.error("day", f"{folder}/{day}.json", "it is gone: the day is over and has no head")

    def _held(self, where: str, end: End) -> None:
        """The row a head speaks of, if it was read."""
        known = GENESIS if end.count == 0 else self.hashes.get(end.count, end.hash)
        if known != end.hash:
            self.error("mark", where, f"row {end.count} is not the row it speaks of")


def _mark(path: Path, key: bytes | None, walk: _Walk) -> Mark | None:
    try:
        mark = read_mark(path, key)
    except HeadDamaged as error:
        walk.error("mark", mark_path(path).name, f"it is damaged: {error}")
        return None
    return mark
