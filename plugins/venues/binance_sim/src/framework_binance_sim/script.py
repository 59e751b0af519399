"""What moves a market: a random walk from a seed, recorded bars, or frames recorded from Binance."""

from __future__ import annotations

import csv
import gzip
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_binance_sim.book import ladder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from framework_binance_sim.book import Level
    from framework_binance_sim.symbols import Symbol

type Sides = tuple[list[Level], list[Level]]
SHOWN = 1_000
SECOND_MS = 1_000
MS_FROM, US_FROM = 10**11, 10**14


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One thing that happens on the market.

    Attributes:
        symbol: Whose.
        book: Both sides as they are now.
        changes: Or levels that change.
        trade: Price, size, and whether the buyer rested.
        ms: When it was recorded; None for now.
        until: Recorded time that has passed when this has happened: a bar's end.
    """

    symbol: str
    book: Sides | None = None
    changes: Sides | None = None
    trade: tuple[Decimal, Decimal, bool] | None = None
    ms: int | None = None
    until: int | None = None


def walk(symbols: Iterable[Symbol], seed: int) -> Iterator[Tick]:
    """A walk of whole ticks for each symbol in turn, for ever; the same seed gives the same market.

    The spread is two ticks; a trade at the bid or the ask goes with every change.
    """
    draw = random.Random(seed)  # noqa: S311 - prices, not secrets
    listed = list(symbols)
    middle = {symbol.symbol: int(symbol.start / symbol.tick) for symbol in listed}
    while True:
        for symbol in listed:
            at = middle[symbol.symbol] = max(40, middle[symbol.symbol] + draw.choice((-2, -1, 0, 0, 1, 2)))
            bid, ask = ((at + side) * symbol.tick for side in (-1, 1))
            sizes = [symbol.step * draw.randint(1, SHOWN) for _ in range(3)]
            sold = draw.random() < 1 / 2
            yield Tick(
                symbol=symbol.symbol,
                book=ladder(symbol, (bid, sizes[0]), (ask, sizes[1])),
                trade=(bid if sold else ask, sizes[2], sold),
            )


def bars(symbol: Symbol, rows: Iterable[tuple[int, list[Decimal]]], size: Decimal) -> Iterator[Tick]:
    """Bars walked open, high, low, close; a quarter of the volume at each, the rest of it at the close.

    Args:
        symbol: Whose bars.
        rows: When a bar opened, in milliseconds, and open, high, low, close, volume, by time.
        size: What is shown on each side of the price.
    """
    span = None
    waiting: tuple[int, list[Decimal]] | None = None
    for opened, numbers in rows:
        if waiting is not None:
            span = min(span or opened - waiting[0], opened - waiting[0])
            yield from _bar(symbol, *waiting, span, size)
        waiting = (opened, numbers)
    if waiting is not None:
        yield from _bar(symbol, *waiting, span or 60 * SECOND_MS, size)


def _bar(symbol: Symbol, opened: int, numbers: list[Decimal], span: int, size: Decimal) -> Iterator[Tick]:
    *prices, volume = numbers
    quarter = (volume / 4 // symbol.step) * symbol.step
    parts = [quarter, quarter, quarter, volume - 3 * quarter]
    for index, (price, part) in enumerate(zip(prices, parts, strict=True)):
        yield Tick(
            symbol=symbol.symbol,
            book=ladder(symbol, (price, size), (price + symbol.tick, size)),
            trade=(price, part, True),
            ms=opened + index * span // 4,
            until=opened + span if index == len(prices) - 1 else None,
        )


def bars_of_csv(path: Path) -> Iterator[tuple[int, list[Decimal]]]:
    """Rows of time, open, high, low, close, volume: Binance's kline files, or named columns.

    Times are ISO 8601 in UTC, or epoch seconds, milliseconds or microseconds.

    Raises:
        ValueError: A row is none.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if number == 1 and not row[0][:1].isdigit():
                continue
            try:
                yield _ms(row[0]), [Decimal(text) for text in row[1:6]]
            except (ArithmeticError, ValueError, IndexError) as error:
                raise ValueError(f"{path}:{number}: {','.join(row)[:80]} is no bar") from error


def _ms(text: str) -> int:
    if not text.isdigit():
        stamp = datetime.fromisoformat(text)
        return round((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp() * SECOND_MS)
    number = int(text)
    return number // 1_000 if number >= US_FROM else number if number >= MS_FROM else number * SECOND_MS


def bars_of_catalog(folder: Path, bar_type: str) -> Iterator[tuple[int, list[Decimal]]]:
    """The bars of a catalog, which are stamped at their close, by when they opened.

    Raises:
        ValueError: The engine, which reads catalogs, is not installed here.
    """
    try:
        from nautilus_trader.model import BarType  # noqa: PLC0415 - only a catalog needs the engine
        from nautilus_trader.persistence import ParquetDataCatalog  # noqa: PLC0415
    except ImportError as error:
        raise ValueError("a catalog is read by the engine: install nautilus_trader") from error
    span = BarType.from_str(bar_type).spec.get_interval_ns() // 1_000_000
    for bar in ParquetDataCatalog(str(folder)).query_bars([bar_type]):
        numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        yield bar.ts_event // 1_000_000 - span, [number.as_decimal() for number in numbers]


def frames(path: Path, symbols: Mapping[str, Symbol]) -> Iterator[Tick]:
    """Recorded stream frames, one to a line after the time they came in: depth, bookTicker and trade."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            data = json.loads(line.partition(" ")[2])["data"]
            if data.get("s") in symbols:
                yield from _frame(data)


def _frame(data: dict[str, Any]) -> Iterator[Tick]:
    if data["e"] == "depthUpdate":
        yield Tick(
            symbol=data["s"], changes=(_levels(data["b"]), _levels(data["a"])), ms=data.get("T", data["E"])
        )
    elif data["e"] == "trade":
        trade = (Decimal(data["p"]), Decimal(data["q"]), bool(data["m"]))
        if trade[1]:
            yield Tick(symbol=data["s"], trade=trade, ms=data["T"])


def _levels(rows: list[list[str]]) -> list[Level]:
    return [(Decimal(price), Decimal(size)) for price, size in rows]
