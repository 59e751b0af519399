"""The journal of a sweep: every row on disk as soon as it is there, so that a sweep can be gone on with.

One JSON document a line: what is swept, the data it runs on, then the rows in the order they ended. A line
that was being written when the machine stopped is cut off.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import IO, TYPE_CHECKING, Any

import msgspec

from framework.errors import ConfigError, DataError
from framework.sweep.row import Row

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where the second writer is not noticed
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is swept; a journal of something else is not gone on with.

    Attributes:
        node: The node's name.
        axes: `PATH=VALUE,VALUE` of every axis.
        numbers: How many points run.
        fingerprint: SHA-256 over the configuration, the points and the versions.
    """

    node: str
    axes: list[str]
    numbers: int
    fingerprint: str


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    subject: Subject | None = None
    data: dict[str, str] | None = None
    row: Row | None = None


def fingerprint(*facts: Any) -> str:
    """SHA-256 over plain values, whatever the order of their keys."""
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()


class Journal:
    """A journal that is open for writing, and what was in it.

    Attributes:
        rows: The rows of an earlier go, by number; those that failed are left out and run again.
    """

    def __init__(self, path: Path, subject: Subject, *, resume: bool) -> None:
        """Open the journal, empty or as it was left.

        Raises:
            ConfigError: It belongs to another sweep, to one that is running, or to an unfinished one and
                `resume` is not asked for; or it cannot be written.
            DataError: It is damaged.
        """
        self.path = path
        self.rows: dict[int, Row] = {}
        self._data: dict[str, str] = {}
        if path.exists() and not path.is_file():
            raise ConfigError("this is no file", where=str(path), remedy="Choose another --out.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("a+b")
        except OSError as error:
            raise ConfigError(
                f"the sweep's journal cannot be written: {error}", where=str(path), remedy="Choose --out."
            ) from error
        try:
            self._begin(subject, resume=resume)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, subject: Subject, *, resume: bool) -> None:
        self._lock()
        lines = self._read()
        done = {line.row.number for line in lines if line.row is not None}
        if lines and not resume:
            held = lines[0].subject
            if held is not None and len(done) < held.numbers:
                raise ConfigError(
                    f"an unfinished sweep of {held.numbers} points is here, {len(done)} of them done",
                    where=str(self.path),
                    remedy="Go on with it: --resume. Or begin again: delete this file, or choose --out.",
                )
            self._file.truncate(0)
            lines = []
        if not lines:
            self._write(_Line(subject=subject))
            return
        if lines[0].subject != subject:
            raise ConfigError(
                "this is the journal of another sweep: of other settings, points or versions",
                where=str(self.path),
                remedy="Choose another --out, or delete the file to begin again.",
            )
        for line in lines[1:]:
            self._data |= line.data or {}
            if line.row is not None and line.row.failure is None:
                self.rows[line.row.number] = line.row

    def check(self, hashes: Mapping[str, str]) -> None:
        """Note the data that rows come from.

        Raises:
            DataError: Rows of an earlier go come from other data.
        """
        for name, value in hashes.items():
            if self._data.get(name, value) != value:
                raise DataError(
                    "the data has changed since this sweep began",
                    where=name,
                    path="catalog",
                    remedy=f"Delete {self.path} to begin again.",
                )
        if not hashes.items() <= self._data.items():
            self._data |= hashes
            self._write(_Line(data=dict(hashes)))

    def add(self, row: Row) -> None:
        """Keep a row."""
        self._write(_Line(row=row))

    def close(self) -> None:
        """Close the file, with everything on the disk that there is room for; again does nothing."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())
        with contextlib.suppress(OSError):  # what could not be written was said when it was tried
            self._file.close()

    def _lock(self) -> None:
        if fcntl is None:  # pragma: no cover - Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                "another sweep is writing this journal",
                where=str(self.path),
                remedy="Wait for it, or choose another --out.",
            ) from None

    def _read(self) -> list[_Line]:
        self._file.seek(0)
        held = self._file.read()
        whole = held[: held.rfind(b"\n") + 1]
        if len(whole) < len(held):
            self._file.truncate(len(whole))
        lines = []
        for number, text in enumerate(whole.splitlines(), start=1):
            try:
                lines.append(msgspec.json.decode(text, type=_Line))
            except msgspec.DecodeError as error:
                raise DataError(
                    f"this is no journal of a sweep, or it is damaged: {error}",
                    where=f"{self.path}:{number}",
                    remedy="Delete it to begin again, or choose another --out.",
                ) from error
        if lines and lines[0].subject is None:
            raise DataError(
                "this journal does not say what was swept",
                where=f"{self.path}:1",
                remedy="Delete it to begin again, or choose another --out.",
            )
        return lines

    def _write(self, line: _Line) -> None:
        try:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
        except OSError as error:
            raise DataError(
                f"the sweep's journal cannot be written: {error}",
                where=str(self.path),
                remedy="Make room, and go on with --resume.",
            ) from error
