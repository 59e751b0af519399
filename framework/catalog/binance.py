"""The importer for Binance's public data files, spot and futures, with and without a header line.

Columns and units follow the documentation of Binance's public data repository: times are epoch
milliseconds, and microseconds in spot files from 2025 on; a kline is stamped at its open.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from framework.catalog.delimited import in_chunks, read
from framework.catalog.frames import CHUNK, OHLC, table, translated
from framework.catalog.times import EPOCH_UNITS, utc_nanoseconds
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from framework.catalog.settings import ImportSettings

KLINE_FIELDS = 12
CLOSE_TIME = 6


class TradeLayout(NamedTuple):
    """Where a trade file's columns stand, counted from 0."""

    time: int
    maker: int


TRADES = TradeLayout(time=4, maker=5)
AGGREGATED = TradeLayout(time=5, maker=6)
MAKERS = {"true": "SELL", "false": "BUY"}
NO_MAKER = ('"{}" does not say whether the buyer was the maker', "It is True or False.")


def read_vision(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Klines as bars, or trades and aggregated trades, as the settings say.

    Raises:
        DataError: A row is not what the settings say.
    """
    return (_klines if settings.kind == "bars" else _trades)(path, settings)


def _klines(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Bars stamped at their open; each row's own close time must agree with the stated step."""
    from nautilus_trader.model import BarSpecification  # noqa: PLC0415 - loads when it is needed

    span = BarSpecification.from_str(settings.bars or "").get_interval_ns()
    for chunk in in_chunks(_rows(path, frozenset({KLINE_FIELDS})), CHUNK):
        *fields, lines = chunk.columns
        opened = utc_nanoseconds(fields[0], lines, path=str(path))
        closed = utc_nanoseconds(fields[CLOSE_TIME], lines, path=str(path))
        units = EPOCH_UNITS[len(fields[0][0].as_py())]
        wrong = (closed + units - opened) != span
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"the kline spans {(closed[row] + units - opened[row]) / 1e9:g} seconds, and --bars "
                f"{settings.bars} means {span / 1e9:g}",
                where=f"{path}:{lines[row].as_py()}",
                remedy="State the step of the file with --bars.",
            )
        columns = {name: fields[place] for place, name in enumerate(OHLC, start=1)}
        yield table(lines, opened, columns | {"volume": fields[5]})


def _trades(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Trades or aggregated trades; the buyer being the maker means the seller took liquidity."""
    del settings
    layout: TradeLayout | None = None
    for chunk in in_chunks(_rows(path, frozenset({6, 7, 8})), CHUNK):
        *fields, lines = chunk.columns
        if layout is None:
            first = [field[0].as_py() for field in fields]
            layout = _trade_layout(first, f"{path}:{lines[0].as_py()}")
        yield table(
            lines,
            utc_nanoseconds(fields[layout.time], lines, path=str(path)),
            {
                "price": fields[1],
                "size": fields[2],
                "side": translated(fields[layout.maker], MAKERS, lines, str(path), NO_MAKER),
                "trade_id": fields[0],
            },
        )


def _trade_layout(row: list[str], where: str) -> TradeLayout:
    for layout in (TRADES, AGGREGATED):
        if (
            len(row) > layout.maker
            and row[layout.time].isdigit()
            and len(row[layout.time]) in EPOCH_UNITS
            and row[layout.maker].strip().casefold() in {"true", "false"}
        ):
            return layout
    raise DataError(
        "the row is neither a trade nor an aggregated trade of Binance's public data",
        where=where,
        remedy="For another layout use the csv importer with --columns.",
    )


def _rows(path: Path, widths: frozenset[int]) -> Iterator[pa.Table]:
    """The rows of a file that may have a header."""
    rows = read(path)
    first = next(rows, None)
    width = 0 if first is None else first.num_columns - 1
    if first is not None and width not in widths:
        raise DataError(
            f"the file has {width} columns and this format {' or '.join(map(str, sorted(widths)))}",
            where=f"{path}:{first['line'][0].as_py()}",
            remedy="Is it another file of Binance's? Otherwise use the csv importer with --columns.",
        )
    if first is not None and first["0"][0].as_py().strip().isdigit():
        rows = chain([first], rows)
    found = False
    for part in rows:
        found = True
        yield part
    if not found:
        raise DataError("the file has no rows", where=str(path))
