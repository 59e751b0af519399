"""One source file into the catalog: read, checked, staged, and committed together with its record."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from framework.catalog import merge as merging
from framework.catalog.commit import Steps, commit, writing
from framework.catalog.encode import Encoder, bar_step
from framework.catalog.manifest import (
    BarStream,
    FileEntry,
    ImportEntry,
    Manifest,
    read_manifest,
    sha256_of,
    verify_hashes,
)
from framework.catalog.stage import Staged, file_entry, stage, write_held
from framework.catalog.streams import iso
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from framework.catalog.settings import ImportSettings
    from framework.specs import ImporterSpec


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What importing one file did.

    Attributes:
        source: The file.
        status: `imported`; `unchanged` when everything was there already; `checked` by a dry run.
        streams: What received rows.
        rows: How many records were read from the source and encoded.
        rounded: How many values were rounded.
        first: The earliest time, ISO 8601 UTC; empty when `unchanged`.
        last: The latest.
        files: Files written, relative to the catalog.
    """

    source: str
    status: str
    streams: list[str]
    rows: int
    rounded: int = 0
    first: str = ""
    last: str = ""
    files: list[str] = []


def import_file(
    catalog: Path | str,
    spec: ImporterSpec,
    settings: ImportSettings,
    source: Path | str,
    *,
    merge: bool = False,
    dry_run: bool = False,
    on_rows: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Imports one file.

    Args:
        catalog: The catalog folder; made when missing.
        spec: The importer.
        settings: What the user states.
        source: The file.
        merge: Add rows between those the catalog holds, instead of refusing an overlap.
        dry_run: Read and check everything, and write nothing.
        on_rows: Called with the number of rows read since the last call.

    Returns:
        What was done. A file that was imported before with the same settings is left alone.

    Raises:
        DataError: The settings, the source or the catalog stand in the way; the catalog is unchanged.
    """
    folder, path = Path(catalog), Path(source)
    settings = _complete(spec, settings)
    if not path.is_file():
        raise DataError("no such file", where=str(path))
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    _agree(digest, path)
    key = hashlib.sha256(
        msgspec.json.encode([digest, spec.name, sorted(settings.to_dict().items())])
    ).hexdigest()
    with _staging(folder, dry_run=dry_run) as staging:
        manifest = read_manifest(folder) if folder.is_dir() else Manifest()
        done = next((entry for entry in manifest.imports if entry.key == key), None)
        if done is not None:
            verify_hashes(folder)
            return ImportReport(source=str(path), status="unchanged", streams=done.streams, rows=done.rows)
        encoder = Encoder(settings, str(path))
        staged = stage(staging, encoder, _tables(spec, settings, path), on_rows)
        report = ImportReport(
            source=str(path),
            status="checked" if dry_run else "imported",
            streams=[str(part.stream) for part in staged],
            rows=sum(part.rows for part in staged),
            rounded=encoder.rounded,
            first=iso(min(part.first for part in staged)),
            last=iso(max(part.last for part in staged)),
        )
        removes: list[str] = []
        for part in staged:
            removes += _reconcile(folder, staging, part, manifest, settings, merge=merge)
        files = {name: entry for part in staged for name, entry in part.files.items()}
        if not files:
            report = msgspec.structs.replace(report, status="unchanged")
        files |= _stage_instrument(folder, staging, manifest, settings.instrument)
        if dry_run:
            return report
        if settings.stamp is not None and settings.kind == "bars":
            stamps = {
                part.stream.identifier: BarStream(stamp="close", source_stamp=settings.stamp)
                for part in staged
            }
        else:
            stamps = {}
        entry = ImportEntry(
            key=key,
            source=path.name,
            sha256=digest,
            importer=spec.name,
            settings=settings.to_dict(),
            streams=report.streams,
            rows=report.rows,
            rounded=report.rounded,
        )
        kept = {name: old for name, old in manifest.files.items() if name not in removes}
        commit(
            folder,
            Steps(
                moves={name: name for name in files},
                removes=removes,
                manifest=Manifest(
                    files=kept | files, bars=manifest.bars | stamps, imports=[*manifest.imports, entry]
                ),
            ),
        )
        return msgspec.structs.replace(report, files=sorted(files))


def _agree(digest: str, path: Path) -> None:
    """Refuses a file that is not the one its publisher's `FILE.CHECKSUM` beside it was made of."""
    stated = path.with_name(f"{path.name}.CHECKSUM")
    if not stated.is_file():
        return
    words = stated.read_text(encoding="utf-8", errors="replace").split()
    if not words or words[0].casefold() != digest:
        raise DataError(
            f"the file is not what {stated.name} says: its SHA-256 is {digest}",
            where=str(path),
            remedy="Download both again. A file that you changed on purpose needs another name.",
        )


def _complete(spec: ImporterSpec, settings: ImportSettings) -> ImportSettings:
    """The settings with what the format fixes, refused when they contradict it or say too little."""
    import dataclasses  # noqa: PLC0415

    if settings.kind not in spec.kinds:
        raise DataError(
            f"{spec.name} does not give {settings.kind}", remedy=f"It gives {', '.join(spec.kinds)}."
        )
    for name, flag in (("stamp", "--stamp"), ("timezone", "--timezone")):
        stated, fixed = getattr(settings, name), getattr(spec, name)
        if fixed is not None and stated not in {None, fixed}:
            raise DataError(
                f"{spec.name} files are {fixed}, and {flag} says {stated}", remedy=f"Leave out {flag}."
            )
        if fixed is not None and not (name == "stamp" and settings.kind != "bars"):
            settings = dataclasses.replace(settings, **{name: fixed})
    if settings.kind != "bars":
        return settings
    bar_step(settings.bars)
    if settings.session_close is not None and settings.stamp is None:
        settings = dataclasses.replace(settings, stamp="close")
    if settings.session_close is not None and settings.stamp == "open":
        raise DataError(
            "--session-close gives the time bars close at, and --stamp says they are stamped at their open",
            remedy="Leave out one of them.",
        )
    if settings.stamp is None:
        raise DataError(
            "whether the source stamps a bar at its open or at its close is not stated",
            remedy="State it with --stamp open or --stamp close. A bar stamped at its open and replayed at "
            "that time shows a strategy the future; if the source does not say, compare its first bar after "
            "a weekend with the market's opening time. For daily bars dated with a day, state when the "
            "session ends with --session-close HH:MM.",
        )
    return settings


def _tables(spec: ImporterSpec, settings: ImportSettings, path: Path) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and the command line starts without it

    tables = spec.read(path, settings)
    if not settings.sort:
        return tables
    collected = list(tables)
    return iter([pa.concat_tables(collected).sort_by("ts").combine_chunks()] if collected else [])


def _reconcile(
    folder: Path,
    staging: Path,
    part: Staged,
    manifest: Manifest,
    settings: ImportSettings,
    *,
    merge: bool,
) -> list[str]:
    """Settles one stream's staged files with the catalog's; returns the catalog files they replace."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    existing = merging.overlapping(manifest, part.folder, part.first, part.last)
    if not existing:
        return []
    if not merge:
        merging.refuse(folder, part.stream, existing, part.first, part.last)
    new = [pq.ParquetFile(staging / name).read() for name in part.files]
    table = merging.merged(folder, part.stream, existing, new)
    for name in part.files:
        (staging / name).unlink()
    part.files.clear()
    if table is None:
        return []
    part.held = table
    write_held(staging, part, settings.instrument)
    return existing


def _stage_instrument(
    folder: Path, staging: Path, manifest: Manifest, instrument: Any
) -> dict[str, FileEntry]:
    """The instrument's file, unless the catalog has it; refuses to change what an instrument is."""
    from nautilus_trader.persistence import ParquetDataCatalog  # noqa: PLC0415

    (name,) = ParquetDataCatalog(str(staging)).write_instruments([instrument])
    entry = file_entry(staging / name, 1, 0, 0)
    directory = Path(name).parent.name
    kinds = {"bars", "quotes", "trades"}
    held = [
        other
        for other in manifest.files
        if Path(other).parent.name == directory and Path(other).parts[1] not in kinds
    ]
    if not held:
        return {name: entry}
    verify_hashes(folder, held)
    if held == [name] and manifest.files[name].sha256 == entry.sha256:
        return {}
    for known in ParquetDataCatalog(str(folder)).instruments([str(instrument.id)]):
        if known.to_dict() != instrument.to_dict():
            raise DataError(
                f"the catalog holds {instrument.id} with another definition",
                where=str(folder / held[0]),
                remedy="Use the same definition, give the instrument another venue with --venue, or import "
                "into another catalog: rows already there were made for the old definition.",
            )
    return {}


@contextmanager
def _staging(folder: Path, *, dry_run: bool) -> Iterator[Path]:
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="framework-import-") as temporary:
            yield Path(temporary)
    else:
        with writing(folder) as staging:
            yield staging
