"""Delimited text as tables of text: by pyarrow where that is certain to read what Python's `csv` would.

Text without quotes, blank lines and stray carriage returns has one reading, and is cut into columns a block
at a time. From the first block on that is not like that, the rest of the file is read row by row, which knows
the line that every row stands on, and says what is wrong with it.
"""

from __future__ import annotations

import csv
import io
from itertools import batched
from typing import IO, TYPE_CHECKING, cast

from framework.catalog.source import open_bytes, records
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

BLOCK = 8 << 20
"""Bytes read at a time."""
LONGEST = 100_000
"""Bytes of a line that is read here; `csv` refuses fields of a little more, and says so."""
ROWS = 100_000
"""Rows of a table that is read row by row."""
BOM = b"\xef\xbb\xbf"


def read(path: Path, delimiter: str = ",") -> Iterator[pa.Table]:
    """The rows of a text file, plain or in a .gz or .zip, blank lines left out.

    Yields:
        Tables with an int64 column `line`, counted from 1, and the fields as text in `0`, `1` and so on. The
        first table is the first row alone, which may be a header.

    Raises:
        DataError: A row has another number of fields than the first, a line is too long, quoting is broken,
            or the text is not UTF-8; with the file and line.
    """
    with open_bytes(path) as (stream, _):
        source = _Lines(stream)
        line = source.take(1)
        first = _first_row(line.removeprefix(BOM), delimiter)
        if first is None:
            yield from _row_by_row(path, source.rest(line), delimiter)
            return
        yield _table([1], [first])
        number = 1
        while part := source.take(BLOCK):
            table = _plain(part, delimiter, number, len(first))
            if table is None:
                yield from _row_by_row(path, source.rest(part), delimiter, number, len(first))
                return
            yield table
            number += table.num_rows


def in_chunks(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of this many; the last may be shorter."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and the command line starts without it

    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table)
        count += table.num_rows
        if count >= rows:
            whole = pa.concat_tables(held)
            full = count - count % rows
            for begin in range(0, full, rows):
                yield whole.slice(begin, rows)
            held, count = [whole.slice(full)], count - full
    if count:
        yield pa.concat_tables(held)


class _Lines:
    """A stream in blocks of whole lines; what has not been taken can be read as a stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._held = b""

    def take(self, wanted: int) -> bytes:
        """At least so many bytes up to the end of a line, if there are; more than a line when it has no end.

        The first line alone is taken with 1.
        """
        while len(self._held) < wanted or b"\n" not in self._held:
            more = self._stream.read(BLOCK)
            self._held += more
            if not more or (len(self._held) > LONGEST and b"\n" not in self._held):
                break
        end = self._held.find(b"\n") if wanted == 1 else self._held.rfind(b"\n")
        end = end + 1 or len(self._held)
        part, self._held = self._held[:end], self._held[end:]
        return part

    def rest(self, part: bytes) -> IO[bytes]:
        """What was taken last, and all that follows."""
        return io.BufferedReader(_Joined(part + self._held, self._stream))


class _Joined(io.RawIOBase):
    """Bytes, and then a stream."""

    def __init__(self, begin: bytes, stream: IO[bytes]) -> None:
        super().__init__()
        self._begin = io.BytesIO(begin)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._begin.read(len(buffer)) or self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _first_row(line: bytes, delimiter: str) -> list[str] | None:
    """The fields of the first line, when it is a row; it may have quotes."""
    quotes = line.count(b'"')
    if quotes % 2 or not _certain(line.replace(b'"', b"") or b"\n", delimiter):
        return None
    try:
        (row,) = csv.reader([line.decode()], delimiter=delimiter, strict=True)
    except (csv.Error, UnicodeDecodeError, ValueError):
        return None
    return row


def _certain(part: bytes, delimiter: str) -> bool:
    """Whether lines have one reading."""
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        return False
    if b'"' in part or part.startswith((BOM, b"\r\n")) or b"\n\r\n" in part:
        return False
    if b"\r" in part and part.count(b"\r") != part.count(b"\r\n"):
        return False
    return _ordinary_lines(part) and _is_utf8(part)


def _ordinary_lines(part: bytes) -> bool:
    """Whether no line is empty, and none is too long."""
    import numpy as np  # noqa: PLC0415 - heavy, and the command line starts without it

    ends = np.flatnonzero(np.frombuffer(part, np.uint8) == ord("\n"))
    lengths = np.diff(ends, prepend=-1, append=len(part))[: len(ends) + (part[-1:] != b"\n")]
    return bool(lengths.min() > 1 and lengths.max() <= LONGEST)


def _is_utf8(part: bytes) -> bool:
    if not part.isascii():
        try:
            part.decode()
        except UnicodeDecodeError:
            return False
    return True


def _plain(part: bytes, delimiter: str, number: int, width: int) -> pa.Table | None:
    """Whole lines as a table; None when they have to be read one by one."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv as arrow  # noqa: PLC0415

    if not _certain(part, delimiter):
        return None
    names = [str(place) for place in range(width)]
    try:
        table = arrow.read_csv(
            pa.BufferReader(part),
            arrow.ReadOptions(column_names=names, block_size=len(part) + 1),
            arrow.ParseOptions(
                delimiter=delimiter,
                quote_char=False,
                escape_char=False,
                newlines_in_values=False,
                ignore_empty_lines=False,
            ),
            arrow.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
    except pa.ArrowInvalid:  # a row of another width: which one is for the other way to say
        return None
    lines = np.arange(number + 1, number + 1 + table.num_rows)
    return table.append_column("line", pa.array(lines, pa.int64()))


def _row_by_row(
    path: Path, stream: IO[bytes], delimiter: str, number: int = 0, width: int | None = None
) -> Iterator[pa.Table]:
    rows = records(stream, path, delimiter, number)
    if width is None:
        first = next(rows, None)
        if first is None:
            return
        width = len(first[1])
        yield _table([first[0]], [first[1]])
    for chunk in batched(_checked(rows, width, path), ROWS, strict=False):
        yield _table([line for line, _ in chunk], [row for _, row in chunk])


def _checked(
    rows: Iterator[tuple[int, list[str]]], width: int, path: Path
) -> Iterator[tuple[int, list[str]]]:
    for number, row in rows:
        if len(row) != width:
            raise DataError(
                f"the row has {len(row)} fields and the first has {width}", where=f"{path}:{number}"
            )
        yield number, row


def _table(lines: Sequence[int], rows: Sequence[Sequence[str]]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    fields = zip(*rows, strict=True)
    columns = {
        str(place): pa.array(cast("Sequence[str]", texts), pa.string()) for place, texts in enumerate(fields)
    }
    return pa.table({**columns, "line": pa.array(lines, pa.int64())})
