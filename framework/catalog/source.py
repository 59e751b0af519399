"""One source file as lines of text: plain, .gz or .zip, never extracted, never read without a limit."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LINE = 1 << 20
"""Characters; a longer line is not a row of market data."""
MAX_RATIO = 200
"""Decompressed bytes for one compressed byte; market data in text stays below 40."""
FREE_BYTES = 64 << 20
"""Decompressed bytes before the ratio is judged, so that small repetitive files pass."""


class GuardedReader(io.RawIOBase):
    """Counts what a decompressor gives out and stops when it is out of proportion to what went in."""

    def __init__(self, stream: IO[bytes], compressed: int, where: str) -> None:
        super().__init__()
        self._stream = stream
        self._limit = max(FREE_BYTES, compressed * MAX_RATIO)
        self._seen = 0
        self._where = where

    def readable(self) -> bool:
        """Always: it is opened for reading."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fills the buffer, or raises `DataError` once the limit is passed."""
        data = self._stream.read(len(buffer))
        self._seen += len(data)
        if self._seen > self._limit:
            raise DataError(
                f"the file decompresses to more than {MAX_RATIO} times its size",
                where=self._where,
                remedy="If the file is genuine, decompress it yourself and import the result.",
            )
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_bytes(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """Opens a source for reading in binary, decompressed.

    Yields:
        The stream, and the name of the file inside: a .zip's only member, a .gz without its ending.

    Raises:
        DataError: The file is missing, empty, damaged, encrypted, or a .zip without exactly one file.
    """
    try:
        if path.stat().st_size == 0:
            raise DataError("the file is empty", where=str(path))
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                member = only_member(archive, path)
                with archive.open(member) as stream:
                    yield guard(stream, path, member.compress_size), member.filename
        elif path.suffix.lower() == ".gz":
            with gzip.open(path) as stream:
                yield guard(cast("IO[bytes]", stream), path, path.stat().st_size), path.stem
        else:
            with path.open("rb") as stream:
                yield stream, path.name
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"the compressed file cannot be read: {error}",
            where=str(path),
            remedy="Download it again; an encrypted archive has to be decrypted first.",
        ) from error
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from error


def lines(stream: IO[bytes], path: Path, number: int = 0) -> Iterator[tuple[int, str]]:
    """The text lines of a source with their numbers.

    Args:
        stream: What `open_bytes` gave, or the rest of it.
        path: The file, for messages.
        number: Lines of the file before these.

    Raises:
        DataError: The text is not UTF-8, or a line is longer than `MAX_LINE`.
    """
    encoding = "utf-8" if number else "utf-8-sig"
    text = io.TextIOWrapper(stream, encoding=encoding, errors="strict", newline="")
    while True:
        try:
            line = text.readline(MAX_LINE + 1)
        except UnicodeDecodeError as error:
            raise DataError(
                f"the text is not UTF-8 (byte 0x{error.object[error.start]:02x})",
                where=f"{path}:{number + 1}",
                remedy="The offending byte is on this line or a few thousand characters after it; "
                "convert the file to UTF-8.",
            ) from error
        if not line:
            return
        number += 1
        if len(line) > MAX_LINE:
            raise DataError(
                f"the line is longer than {MAX_LINE} characters",
                where=f"{path}:{number}",
                remedy="Is this a text file with one row per line?",
            )
        yield number, line


def records(
    stream: IO[bytes], path: Path, delimiter: str = ",", number: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """The rows of delimited text, blank lines left out, with the number of the line each ends on.

    Args:
        stream: What `open_bytes` gave, or the rest of it.
        path: The file, for messages.
        delimiter: Between fields.
        number: Lines of the file before these.

    Raises:
        DataError: The text is not UTF-8, a line is too long, or quoting is broken.
    """
    reader = csv.reader((line for _, line in lines(stream, path, number)), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            where = f"{path}:{number + reader.line_num}"
            raise DataError(f"the row cannot be read: {error}", where=where) from error
        if row:
            yield number + reader.line_num, row


def count_lines(path: Path) -> int | None:
    """How many lines a text source has, for a progress bar; `None` when it is not text."""
    if path.suffix.lower() not in {".csv", ".txt", ".gz", ".zip"}:
        return None
    with open_bytes(path) as (stream, _):
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))


def guard(stream: IO[bytes], path: Path, compressed: int) -> IO[bytes]:
    """The stream with its decompressed size limited."""
    return io.BufferedReader(GuardedReader(stream, compressed, str(path)), buffer_size=1 << 16)


def only_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    """The single file in an archive; it is read as a stream, so its name is never used as a path."""
    members = [info for info in archive.infolist() if not info.is_dir()]
    if len(members) != 1:
        raise DataError(
            f"the archive holds {len(members)} files and one is expected",
            where=str(path),
            remedy="Import the files of the archive one by one.",
        )
    return members[0]
