"""What a catalog holds, read from its files' footers; and catalogs made elsewhere, taken into the record."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from framework.catalog.commit import Steps, commit, writing
from framework.catalog.manifest import (
    BarStream,
    FileEntry,
    Manifest,
    data_files,
    read_manifest,
    sha256_of,
)
from framework.errors import DataError

KINDS = frozenset({"bars", "quotes", "trades"})


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One series of the catalog.

    Attributes:
        instrument: Its identifier.
        kind: `bars`, `quotes` or `trades`.
        bar_type: Of bars; `None` otherwise.
        first: The earliest `ts_init`, ISO 8601 UTC.
        last: The latest.
        rows: How many records.
        files: The files, relative to the catalog.
        stamp: `close` for bars known to be stamped so; `None` when unknown, or not bars.
    """

    instrument: str
    kind: str
    bar_type: str | None
    first: str
    last: str
    rows: int
    files: list[str]
    stamp: str | None


def list_streams(catalog: Path | str) -> list[StreamInfo]:
    """Every series in the catalog, sorted by kind and name.

    Raises:
        DataError: The catalog is missing, or a file cannot be read.
    """
    folder = Path(catalog)
    manifest = read_manifest(folder)
    groups: dict[tuple[str, str, str | None], list[tuple[str, FileEntry]]] = {}
    for name in data_files(folder):
        kind = Path(name).parts[1]
        if kind in KINDS:
            identifier, bar_type = _identity(folder / name)
            entry = manifest.files.get(name) or _footer(folder / name)
            groups.setdefault((kind, identifier, bar_type), []).append((name, entry))
    return [
        StreamInfo(
            instrument=identifier,
            kind=kind,
            bar_type=bar_type,
            first=iso(min(entry.first for _, entry in files)),
            last=iso(max(entry.last for _, entry in files)),
            rows=sum(entry.rows for _, entry in files),
            files=[name for name, _ in files],
            stamp=manifest.bars[bar_type].stamp if bar_type in manifest.bars else None,
        )
        for (kind, identifier, bar_type), files in sorted(groups.items(), key=str)
    ]


def adopt(catalog: Path | str, *, stamp: Literal["close"]) -> list[str]:
    """Records the files of a catalog made by something else, on the user's word for their stamp.

    Args:
        catalog: The catalog folder.
        stamp: The convention of every bar in the files that are not recorded yet: only bars stamped at
            their close can be adopted, since nothing is rewritten.

    Returns:
        The files that were recorded, relative to the catalog.

    Raises:
        DataError: The catalog is missing, or a file cannot be read.
    """
    folder = Path(catalog)
    read_manifest(folder)
    with writing(folder):
        manifest = read_manifest(folder)
        new = [name for name in data_files(folder) if name not in manifest.files]
        bars = dict(manifest.bars)
        for name in new:
            if Path(name).parts[1] == "bars":
                _, bar_type = _identity(folder / name)
                bars[str(bar_type)] = BarStream(stamp=stamp, source_stamp=stamp)
        files = manifest.files | {name: _footer(folder / name) for name in new}
        if new:
            record = Manifest(files=files, bars=bars, imports=manifest.imports)
            commit(folder, Steps(moves={}, removes=[], manifest=record))
    return new


def iso(nanoseconds: int) -> str:
    """Nanoseconds UTC as ISO 8601."""
    import pandas as pd  # noqa: PLC0415 - heavy, and the command line starts without it

    return pd.Timestamp(nanoseconds, tz="UTC").isoformat().replace("+00:00", "Z")


def _identity(path: Path) -> tuple[str, str | None]:
    """The instrument and bar type a file names in its own metadata."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the file is not readable as Parquet: {error}", where=str(path)) from error
    if b"instrument_id" not in metadata:
        raise DataError("the file does not name its instrument", where=str(path))
    bar_type = metadata.get(b"bar_type")
    return metadata[b"instrument_id"].decode(), bar_type.decode() if bar_type else None


def _footer(path: Path) -> FileEntry:
    """A file's entry, its first and last times read from its rows."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        ts = pq.ParquetFile(path).read(columns=["ts_init"])["ts_init"].cast(pa.int64())
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(f"the file is not readable as Parquet: {error}", where=str(path)) from error
    bounds = pc.min_max(ts).as_py()
    return FileEntry(
        sha256=sha256_of(path),
        size=path.stat().st_size,
        rows=len(ts),
        first=bounds["min"] or 0,
        last=bounds["max"] or 0,
    )
