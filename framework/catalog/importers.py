"""The importers for files without a fixed format: delimited text and Parquet."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING

from framework.catalog.frames import BARS, CHUNK, LAYOUTS, QUOTE_BARS, find_columns, table
from framework.catalog.source import records
from framework.catalog.times import names_a_day, utc_nanoseconds
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from framework.catalog.settings import ImportSettings


def read_csv(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Rows of delimited text, plain or in a .gz or .zip.

    Raises:
        DataError: A column is missing, a row has another number of fields than the header, or a time
            cannot be read; with the file and line.
    """
    rows = records(path, settings.delimiter)
    first = next(rows, None)
    if first is None:
        raise DataError("the file has no lines", where=str(path))
    number, header = first
    width = len(header)
    if not settings.header:
        rows = _chain(first, rows)
        header = [str(position + 1) for position in range(width)]
    wanted = _wanted(header, settings)
    columns = find_columns(header, wanted, dict(settings.columns), f"{path}:{number}")
    empty = True
    for chunk in batched(_checked(rows, width, path), CHUNK, strict=False):
        empty = False
        lines = [line for line, _ in chunk]
        fields = list(zip(*(row for _, row in chunk), strict=True))
        yield _table(lines, fields, columns, path, settings)
    if empty:
        raise DataError("the file has a header and no rows", where=f"{path}:{number}")


def read_parquet(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Rows of a Parquet file that is not a catalog's; a message names the row, counted from 1.

    Floating point columns are taken at their shortest decimal text, which is what was meant by whoever
    wrote them.

    Raises:
        DataError: The file is not Parquet, a column is missing, or a time cannot be read.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy, and the command line starts without it
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the file is not readable as Parquet: {error}", where=str(path)) from error
    with file:
        header = file.schema_arrow.names
        columns = find_columns(header, _wanted(header, settings), dict(settings.columns), str(path))
        if file.metadata.num_rows == 0:
            raise DataError("the file has no rows", where=str(path))
        used = sorted({position for positions in columns.values() for position in positions})
        places = {ours: [used.index(position) for position in found] for ours, found in columns.items()}
        start = 1
        try:
            for batch in file.iter_batches(batch_size=CHUNK, columns=[header[position] for position in used]):
                fields = [_as_text(batch.column(header[position])) for position in used]
                lines = range(start, start + batch.num_rows)
                start += batch.num_rows
                yield _table(lines, fields, places, path, settings)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"the Parquet file is damaged: {error}", where=str(path)) from error


def _as_text(column: pa.Array) -> list[str]:
    import pyarrow as pa  # noqa: PLC0415

    return ["" if text is None else text for text in column.cast(pa.string()).to_pylist()]


def _wanted(header: Sequence[str], settings: ImportSettings) -> tuple[str, ...]:
    names = {name.strip().casefold() for name in header} | set(settings.columns)
    if settings.kind == "bars":
        return ("time", *(QUOTE_BARS if "bid_open" in names else BARS))
    return ("time", *LAYOUTS[settings.kind][0])


def _table(
    lines: Sequence[int],
    fields: Sequence[Sequence[str]],
    columns: dict[str, list[int]],
    path: Path,
    settings: ImportSettings,
) -> pa.Table:
    data = {
        ours: fields[places[0]]
        if len(places) == 1
        else [" ".join(parts) for parts in zip(*(fields[place] for place in places), strict=True)]
        for ours, places in columns.items()
    }
    times = [text.strip() for text in data.pop("time")]
    stated = settings.kind, settings.stamp, settings.session_close
    if stated == ("bars", "close", None) and names_a_day(times[0], settings.time_format):
        raise DataError(
            f'a bar dated "{times[0][:40]}" cannot be stamped at its close: midnight begins that day',
            where=f"{path}:{lines[0]}",
            remedy="State when the day's session ends with --session-close HH:MM and --timezone, instead of "
            "--stamp close. For a market that trades around the clock, --stamp open closes the bar a day "
            "after its date.",
        )
    ts = utc_nanoseconds(
        times,
        lines,
        path=str(path),
        timezone=settings.timezone,
        time_format=settings.time_format,
        session_close=settings.session_close,
    )
    if "side" in data:
        data["side"] = [_side(text, line, path) for text, line in zip(data["side"], lines, strict=True)]
    return table(lines, ts, data)


SIDES = {
    "buy": "BUY",
    "b": "BUY",
    "buyer": "BUY",
    "sell": "SELL",
    "s": "SELL",
    "seller": "SELL",
    "": "NO_AGGRESSOR",
    "none": "NO_AGGRESSOR",
    "no_aggressor": "NO_AGGRESSOR",
}


def _side(text: str, line: int, path: Path) -> str:
    side = SIDES.get(text.strip().casefold())
    if side is None:
        raise DataError(
            f'side is "{text[:40]}"',
            where=f"{path}:{line}",
            remedy="Write who took liquidity: buy, sell, or nothing when it is not known.",
        )
    return side


def _checked(
    rows: Iterator[tuple[int, list[str]]], width: int, path: Path
) -> Iterator[tuple[int, list[str]]]:
    for number, row in rows:
        if len(row) != width:
            raise DataError(
                f"the row has {len(row)} fields and the first line has {width}", where=f"{path}:{number}"
            )
        yield number, row


def _chain(
    first: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rows
