"""Files into the catalog all together or not at all, also when the process is killed half way.

An import writes its files into a staging folder inside the catalog. When they are complete, `commit.json`
records what is left to do (files to move into place, files to remove, the new manifest) and is flushed to the
disk; only then does anything outside the staging folder change. Whoever opens the catalog for writing next
either repeats those steps, each harmless to repeat, or, finding no `commit.json`, deletes the staging folder.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from framework.catalog.manifest import COMMIT, STAGING, Manifest, write_durably, write_manifest
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".lock"


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What remains to be done; paths are relative to the catalog, staged ones to the staging folder.

    Attributes:
        moves: Where each staged file belongs.
        removes: Files that merged ones replace.
        manifest: The catalog's manifest once everything is in place.
    """

    moves: dict[str, str]
    removes: list[str]
    manifest: Manifest


@contextmanager
def writing(catalog: Path) -> Iterator[Path]:
    """Holds the catalog for writing, after finishing or undoing what an earlier process left.

    Yields:
        An empty staging folder, deleted at the end.

    Raises:
        DataError: Another process is writing, or the disk does not take what is written.
    """
    fresh = not catalog.exists()
    try:
        catalog.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(catalog, error) from error
    with _locked(catalog):
        recover(catalog)
        staging = catalog / STAGING
        try:
            staging.mkdir()
            yield staging
        except OSError as error:
            raise _unwritable(catalog, error) from error
        finally:
            if not (staging / COMMIT).exists():
                shutil.rmtree(staging, ignore_errors=True)
            if fresh and not any(catalog.iterdir()):
                catalog.rmdir()


def commit(catalog: Path, steps: Steps) -> None:
    """Carries out the steps; once this has begun, a crash no longer loses the import."""
    staging = catalog / STAGING
    for staged in steps.moves:
        _flush(staging / staged)
    write_durably(staging / COMMIT, msgspec.json.encode(steps))
    _flush(staging)
    recover(catalog)


def recover(catalog: Path) -> None:
    """Finishes an interrupted commit, or deletes what an import left that never came so far."""
    staging = catalog / STAGING
    if (staging / COMMIT).exists():
        steps = msgspec.json.decode((staging / COMMIT).read_bytes(), type=Steps)
        targets = set(steps.moves.values())
        for name in steps.removes:
            if name not in targets:
                (catalog / name).unlink(missing_ok=True)
        for staged, name in steps.moves.items():
            if (staging / staged).exists():
                target = catalog / name
                target.parent.mkdir(parents=True, exist_ok=True)
                (staging / staged).replace(target)
                _flush(target.parent)
        write_manifest(catalog, steps.manifest)
        _flush(catalog)
        (staging / COMMIT).unlink()
    if staging.exists():
        shutil.rmtree(staging)


def _unwritable(catalog: Path, error: OSError) -> DataError:
    return DataError(
        f"the catalog cannot be written: {error.strerror or error}",
        where=error.filename or str(catalog),
        remedy="Check the disk's free space and the folder's permissions, then run the import again.",
    )


def _flush(path: Path) -> None:
    """Asks the disk to keep what was written; folders cannot be flushed on Windows."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(catalog: Path) -> Iterator[None]:
    """An advisory lock the operating system drops when the process dies."""
    busy = DataError(
        "another process is writing to this catalog",
        where=str(catalog),
        remedy="Wait until the other import has finished, then run this one again.",
    )
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        with (catalog / LOCK).open("a+b") as file:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError as error:
                raise busy from error
            yield
    else:
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        descriptor = os.open(catalog, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise busy from error
            yield
        finally:
            os.close(descriptor)
