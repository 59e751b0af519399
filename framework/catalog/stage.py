"""Checked rows into files of a staging folder, one series after the other, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from framework.catalog.manifest import FileEntry, sha256_of
from framework.catalog.objects import write_records
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from framework.catalog.encode import Encoder, Stream


@dataclass(slots=True)
class Staged:
    """One stream's files in the staging folder.

    Attributes:
        stream: Which series they belong to.
        held: Rows not written yet: the next table may continue their last instant.
        files: What was written, relative to the staging folder.
    """

    stream: Stream
    held: pa.Table | None = None
    files: dict[str, FileEntry] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The series' folder, relative to the catalog."""
        return next(iter(self.files)).rpartition("/")[0]

    @property
    def first(self) -> int:
        """The earliest `ts_init`, nanoseconds UTC."""
        return min(entry.first for entry in self.files.values())

    @property
    def last(self) -> int:
        """The latest `ts_init`, nanoseconds UTC."""
        return max(entry.last for entry in self.files.values())

    @property
    def rows(self) -> int:
        """How many records the files hold."""
        return sum(entry.rows for entry in self.files.values())


def stage(
    staging: Path, encoder: Encoder, tables: Iterator[pa.Table], on_rows: Callable[[int], None]
) -> list[Staged]:
    """Checks and writes every table, in files that never split rows of the same instant."""
    streams: dict[Stream, Staged] = {}
    for raw in tables:
        if raw.num_rows == 0:
            continue
        for stream, table in encoder.encode(raw):
            part = streams.setdefault(stream, Staged(stream))
            _add(staging, part, table, encoder.settings.instrument)
        on_rows(raw.num_rows)
    for part in streams.values():
        write_held(staging, part, encoder.settings.instrument)
    if not streams:
        raise DataError("the file has no rows", where=encoder.path)
    return list(streams.values())


def _add(staging: Path, part: Staged, table: pa.Table, instrument: Any) -> None:
    """Writes the table before this one, without the rows at its end that this one continues."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if part.held is not None:
        previous, start = part.held, table["ts_init"][0]
        if previous["ts_init"][-1] == start:
            split = pc.index(previous["ts_init"], start).as_py()
            table = pa.concat_tables([previous.slice(split), table], promote_options="permissive")
            part.held = previous.slice(0, split)
        write_held(staging, part, instrument)
    part.held = table


def write_held(staging: Path, part: Staged, instrument: Any) -> None:
    """Writes the rows a stream still holds as one file."""
    import pyarrow as pa  # noqa: PLC0415

    table, part.held = part.held, None
    if table is not None and table.num_rows:
        ts = table["ts_init"].cast(pa.int64())
        if part.files and ts[0].as_py() <= part.last:
            raise DataError("the rows are not in time order", where=str(part.stream))
        name = write_records(staging, part.stream, table, instrument)
        part.files[name] = file_entry(staging / name, table.num_rows, ts[0].as_py(), ts[-1].as_py())


def file_entry(path: Path, rows: int, first: int, last: int) -> FileEntry:
    """What the manifest says of a file that was just written."""
    return FileEntry(sha256=sha256_of(path), size=path.stat().st_size, rows=rows, first=first, last=last)
