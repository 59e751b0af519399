"""The catalog's own record of its files: a SHA-256 for each, where its rows came from, when bars are stamped.

The engine reads Parquet in Rust, where a damaged file can abort the process or quietly give wrong data. So
every file is listed in `manifest.json` in the catalog folder when it is written, and compared with that list
before the engine opens it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE_NAME = "manifest.json"
VERSION = 1
STAGING = ".import"
"""The folder, inside the catalog, that exists only while an import is running or after one was killed."""
COMMIT = "commit.json"
"""In that folder: what remains to be done, written before the first file moves."""


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Parquet file.

    Attributes:
        sha256: Of the whole file.
        size: In bytes.
        rows: How many records it holds.
        first: The earliest `ts_init` in it, nanoseconds UTC.
        last: The latest.
    """

    sha256: str
    size: int
    rows: int
    first: int
    last: int


class BarStream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the bars of one bar type are stamped.

    Attributes:
        stamp: The instant `ts_event` and `ts_init` hold in the catalog; an import always writes `close`.
        source_stamp: The convention the source used, as stated at the import.
    """

    stamp: Literal["close"]
    source_stamp: Literal["open", "close"]


class ImportEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One import that finished.

    Attributes:
        key: SHA-256 over the source file and every setting that shapes the result: the same key twice is
            the same import.
        source: The name of the file that was read, without its folder.
        sha256: Of the source file as it was on disk, before decompression.
        importer: The name of the `ImporterSpec`.
        settings: What was stated on the command line, as text.
        streams: The bar types, or `INSTRUMENT quotes` and `INSTRUMENT trades`, that received rows.
        rows: How many records were written.
        rounded: How many values were rounded to the instrument's precision.
    """

    key: str
    source: str
    sha256: str
    importer: str
    settings: dict[str, str]
    streams: list[str]
    rows: int
    rounded: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the catalog knows about itself; paths are relative to the catalog, with forward slashes."""

    version: int = VERSION
    files: dict[str, FileEntry] = {}
    bars: dict[str, BarStream] = {}
    imports: list[ImportEntry] = []


def read_manifest(catalog: Path | str) -> Manifest:
    """The catalog's manifest, empty when it has none.

    Raises:
        DataError: The catalog folder is missing, or its manifest is damaged.
    """
    folder = Path(catalog)
    if not folder.is_dir():
        raise DataError(
            "the catalog folder does not exist",
            where=str(folder),
            remedy="Give the folder with --catalog (or catalog: in node.yaml), or fill it with "
            "`framework data import`.",
        )
    path = folder / FILE_NAME
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"the manifest is damaged: {error}",
            where=str(path),
            remedy="Restore it from a backup, or import the sources again into an empty folder.",
        ) from error
    if manifest.version != VERSION:
        raise DataError(
            f"the manifest has version {manifest.version} and this framework reads version {VERSION}",
            where=str(path),
            remedy="Upgrade the framework, or import the sources again into an empty folder.",
        )
    return manifest


def write_manifest(catalog: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step: a reader sees the old one or the new one, never a part."""
    ordered = msgspec.structs.replace(
        manifest, files=dict(sorted(manifest.files.items())), bars=dict(sorted(manifest.bars.items()))
    )
    write_durably(catalog / FILE_NAME, msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")


def write_durably(path: Path, content: bytes) -> None:
    """Writes a whole file beside its target, flushes it to the disk, then renames it into place."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_files(catalog: Path | str) -> list[str]:
    """Every Parquet file under the catalog's `data` folder, relative to the catalog, sorted."""
    folder = Path(catalog)
    return sorted(path.relative_to(folder).as_posix() for path in (folder / "data").rglob("*.parquet"))


def verify_hashes(catalog: Path | str, files: Iterable[Path | str] | None = None) -> dict[str, str]:
    """Proves that files are the ones that were imported, before anything decodes them.

    Args:
        catalog: The catalog folder.
        files: The files about to be read, relative to the catalog or as paths into it; `None` means every
            Parquet file present and every file the manifest lists.

    Returns:
        The SHA-256 of each file by its path relative to the catalog, in sorted order.

    Raises:
        DataError: A file is missing, unlisted, empty, of another size, or has other content.
    """
    folder = Path(catalog)
    manifest = read_manifest(folder)
    if (folder / STAGING / COMMIT).exists():
        raise DataError(
            "an import was interrupted while it moved its files into place",
            where=str(folder),
            remedy="Run any `framework data import` into this catalog: it finishes the interrupted one.",
        )
    names = (
        {*data_files(folder), *manifest.files}
        if files is None
        else {relative_name(folder, file) for file in files}
    )
    for name in sorted(names):
        problem = file_problem(folder, name, manifest)
        if problem is not None:
            message, remedy = problem
            raise DataError(message, where=str(folder / name), remedy=remedy)
    return {name: manifest.files[name].sha256 for name in sorted(names)}


def file_problem(folder: Path, name: str, manifest: Manifest) -> tuple[str, str] | None:
    """What is wrong with one file and what to do about it, or `None` when it is as it was imported."""
    entry = manifest.files.get(name)
    path = folder / name
    if entry is None and path.is_file():
        message = "the file is not in the catalog's manifest, so nothing is known about its content"
        remedy = (
            "Import it with `framework data import`, or, if you made this catalog yourself and trust it, "
            "record it with `framework data adopt`."
        )
        return message, remedy
    problem = None
    if entry is None or not path.is_file():
        problem = "the file is missing"
    elif (size := path.stat().st_size) != entry.size:
        problem = (
            f"the file has {size} bytes and was imported with {entry.size}" if size else "the file is empty"
        )
    elif sha256_of(path) != entry.sha256:
        problem = "the file's content has changed since it was imported (its SHA-256 differs)"
    if problem is None:
        return None
    return (
        problem,
        "Restore the file from a backup, or remove the catalog folder and import its sources again.",
    )


def relative_name(folder: Path, file: Path | str) -> str:
    """A file's path relative to the catalog, with forward slashes.

    Raises:
        DataError: The file lies outside the catalog.
    """
    root = folder.resolve()
    candidates = [(root / file).resolve(), Path(file).resolve()]
    inside = [path for path in candidates if path.is_relative_to(root)]
    if not inside:
        raise DataError(f"the file {file} is not inside the catalog", where=str(folder))
    found = next((path for path in inside if path.exists()), inside[0])
    return found.relative_to(root).as_posix()


def bar_stamp(catalog: Path | str, bar_type: str) -> Literal["close"] | None:
    """Whether the catalog's bars of this type are known to be stamped at their close.

    Args:
        catalog: The catalog folder.
        bar_type: Such as `EUR/USD.SIM-1-HOUR-LAST-EXTERNAL`.

    Returns:
        `"close"`, or `None` when nobody has said: such bars may carry the future into the past.
    """
    stream = read_manifest(catalog).bars.get(str(bar_type))
    return stream.stamp if stream else None
