"""What is intact of a damaged journal, copied into a new one. The damaged one stays as it is."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import apsw

from framework.errors import JournalError
from framework.journal.archives import archive_path, to_line
from framework.journal.heads import Mark, MarkFile, heads_path, mark_path, write_day, write_durably
from framework.journal.reading import base_of, opened, read
from framework.journal.store import INSERT, Journal, connect
from framework.journal.verify import verify

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of a repair.

    Attributes:
        path: The damaged journal.
        copy: The new one.
        kept: The last row that was kept.
        cut: Rows after it that could still be read, in `COPY.cut.jsonl`.
        findings: What was wrong, one sentence each.
    """

    path: str
    copy: str
    kept: int
    cut: int
    findings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        return {
            "journal": self.path,
            "copy": self.copy,
            "kept": self.kept,
            "cut": self.cut,
            "findings": list(self.findings),
        }


def repair(path: Path, copy: Path, *, key: bytes | None = None) -> Repair:
    """Copy a journal up to the first row that is not what was written, with new heads.

    The copy ends with a `recovery` row that says what was found. Rows after the damage that still read go
    into a file of their own, for a person to look at.

    Args:
        path: The damaged journal; no process may be writing it.
        copy: Where the new one goes; nothing may be there.
        key: Signs the new heads.

    Raises:
        JournalError: Something is there already, or not even the beginning can be read.
        OSError: The copy cannot be written.
    """
    for taken in (copy, mark_path(copy), heads_path(copy), archive_path(copy)):
        if taken.exists():
            raise JournalError(
                "there is something already", where=str(taken), remedy="Name a new file for the copy."
            )
    verdict = verify(path, key=key, archives=False)
    with opened(path) as connection:
        base = base_of(connection)
    connection = connect(copy)
    try:
        with connection:
            connection.execute("UPDATE meta SET value = ? WHERE name = 'base_count'", (str(base.count),))
            connection.execute("UPDATE meta SET value = ? WHERE name = 'base_hash'", (base.hash.hex(),))
            connection.executemany(
                INSERT,
                (
                    (row.seq, row.ts, row.kind, row.session, row.strategy, row.order_id, row.body, row.hash)
                    for row in takewhile(lambda row: row.seq <= verdict.intact.count, read(path))
                ),
            )
    except apsw.Error as error:
        raise OSError(f"{copy}: {error}") from error
    finally:
        connection.close()
    if archive_path(path).is_dir():
        shutil.copytree(archive_path(path), archive_path(copy))
    turns = {**verify(path, key=key).turns, **verdict.turns}
    for day, end in sorted(turns.items()):
        if end.count <= verdict.intact.count:
            write_day(copy, day, end, key)
    mark = MarkFile(copy, key)
    mark.write(Mark(verdict.intact, verdict.intact))
    mark.close()
    cut = _readable_after(path, verdict.intact.count)
    if cut:
        write_durably(copy.with_name(f"{copy.name}.cut.jsonl"), b"".join(cut))
    report = Repair(
        str(path),
        str(copy),
        verdict.intact.count,
        len(cut),
        tuple(f"{finding.where}: {finding.message}" for finding in verdict.errors),
    )
    with Journal.open(copy, session="repair", key=key) as journal:
        journal.append(
            "recovery",
            {"found": "a damaged journal", **report.to_dict(), "journal": path.name, "copy": copy.name},
        )
    return report


def _readable_after(path: Path, last: int) -> list[bytes]:
    """The rows after the damage, as far as they read; their order and content prove nothing."""
    lines: list[bytes] = []
    with contextlib.suppress(JournalError):  # where reading ends is nothing more to save
        for row in read(path, after=last):
            with contextlib.suppress(ValueError, TypeError, AttributeError):  # nor in what is no row
                lines.append(to_line(row))
    return lines
