"""The importers for files without a fixed format: delimited text and Parquet."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from framework.catalog.delimited import in_chunks, read
from framework.catalog.frames import BARS, CHUNK, LAYOUTS, QUOTE_BARS, find_columns, table, translated
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
    rows = read(path, settings.delimiter)
    first = next(rows, None)
    if first is None:
        raise DataError("the file has no lines", where=str(path))
    number = first["line"][0].as_py()
    header = [column[0].as_py() for column in first.drop_columns(["line"]).columns]
    if not settings.header:
        rows = chain([first], rows)
        header = [str(position + 1) for position in range(len(header))]
    wanted = _wanted(header, settings)
    columns = find_columns(header, wanted, dict(settings.columns), f"{path}:{number}")
    empty = True
    for chunk in in_chunks(rows, CHUNK):
        empty = False
        yield _table(
            chunk["line"], [chunk[str(place)] for place in range(len(header))], columns, path, settings
        )
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
                lines = pa.array(range(start, start + batch.num_rows), pa.int64())
                start += batch.num_rows
                yield _table(lines, fields, places, path, settings)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"the Parquet file is damaged: {error}", where=str(path)) from error


def _as_text(column: pa.Array) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415

    return column.cast(pa.string()).fill_null("")


def _wanted(header: Sequence[str], settings: ImportSettings) -> tuple[str, ...]:
    names = {name.strip().casefold() for name in header} | set(settings.columns)
    if settings.kind == "bars":
        return ("time", *(QUOTE_BARS if "bid_open" in names else BARS))
    return ("time", *LAYOUTS[settings.kind][0])


def _table(
    lines: Any,
    fields: Sequence[Any],
    columns: dict[str, list[int]],
    path: Path,
    settings: ImportSettings,
) -> pa.Table:
    import pyarrow.compute as pc  # noqa: PLC0415

    data = {
        ours: fields[places[0]]
        if len(places) == 1
        else pc.binary_join_element_wise(*(fields[place] for place in places), " ")
        for ours, places in columns.items()
    }
    times = pc.utf8_trim_whitespace(data.pop("time"))
    stated = settings.kind, settings.stamp, settings.session_close
    if stated == ("bars", "close", None) and names_a_day(times[0].as_py(), settings.time_format):
        raise DataError(
            f'a bar dated "{times[0].as_py()[:40]}" cannot be stamped at its close: midnight begins that day',
            where=f"{path}:{lines[0].as_py()}",
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
        data["side"] = translated(data["side"], SIDES, lines, str(path), _UNKNOWN_SIDE)
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


_UNKNOWN_SIDE = (
    'side is "{}"',
    "Write who took liquidity: buy, sell, or nothing when it is not known.",
)
