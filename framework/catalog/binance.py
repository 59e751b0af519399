"""The importers for Binance's public data files, spot and futures, with and without a header line.

Columns and units follow the documentation of Binance's public data repository: times are epoch
milliseconds, and microseconds in spot files from 2025 on; a kline is stamped at its open.
"""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, NamedTuple

from framework.catalog.frames import CHUNK, OHLC, table
from framework.catalog.source import records
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


def read_klines(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Klines as bars stamped at their open; each row's own close time must agree with the stated step.

    Raises:
        DataError: A row does not have the 12 fields of a kline, or its span is not that of `settings.bars`.
    """
    from nautilus_trader.model import BarSpecification  # noqa: PLC0415 - loads when it is needed

    span = BarSpecification.from_str(settings.bars or "").get_interval_ns()
    for chunk in batched(_rows(path, frozenset({KLINE_FIELDS})), CHUNK, strict=False):
        lines = [line for line, _ in chunk]
        fields = list(zip(*(row for _, row in chunk), strict=True))
        opened = utc_nanoseconds(fields[0], lines, path=str(path))
        closed = utc_nanoseconds(fields[CLOSE_TIME], lines, path=str(path))
        units = EPOCH_UNITS[len(fields[0][0])]
        wrong = (closed + units - opened) != span
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"the kline spans {(closed[row] + units - opened[row]) / 1e9:g} seconds, and --bars "
                f"{settings.bars} means {span / 1e9:g}",
                where=f"{path}:{lines[row]}",
                remedy="State the step of the file with --bars.",
            )
        columns = {name: fields[place] for place, name in enumerate(OHLC, start=1)}
        yield table(lines, opened, columns | {"volume": fields[5]})


def read_trades(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Trades or aggregated trades; the buyer being the maker means the seller took liquidity.

    Raises:
        DataError: A row has neither layout.
    """
    del settings
    layout: TradeLayout | None = None
    for chunk in batched(_rows(path, frozenset({6, 7, 8})), CHUNK, strict=False):
        lines = [line for line, _ in chunk]
        fields = list(zip(*(row for _, row in chunk), strict=True))
        if layout is None:
            layout = _trade_layout(chunk[0][1], f"{path}:{lines[0]}")
        makers = [text.strip().casefold() for text in fields[layout.maker]]
        for line, maker in zip(lines, makers, strict=True):
            if maker not in {"true", "false"}:
                raise DataError(
                    f'"{maker[:40]}" does not say whether the buyer was the maker', where=f"{path}:{line}"
                )
        yield table(
            lines,
            utc_nanoseconds(fields[layout.time], lines, path=str(path)),
            {
                "price": fields[1],
                "size": fields[2],
                "side": ["SELL" if maker == "true" else "BUY" for maker in makers],
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


def _rows(path: Path, widths: frozenset[int]) -> Iterator[tuple[int, list[str]]]:
    width: int | None = None
    found = False
    for number, row in records(path):
        if width is None:
            width = len(row)
            if width not in widths:
                raise DataError(
                    f"the file has {width} columns and this format {' or '.join(map(str, sorted(widths)))}",
                    where=f"{path}:{number}",
                    remedy="Is it another file of Binance's? Otherwise use the csv importer with --columns.",
                )
            if not row[0].strip().isdigit():
                continue
        if len(row) != width:
            raise DataError(f"the row has {len(row)} fields and the first {width}", where=f"{path}:{number}")
        found = True
        yield number, row
    if not found:
        raise DataError("the file has no rows", where=str(path))
