"""One stream of data in whole ticks, what can be done to it, and how it becomes a catalog again.

Prices and sizes are counts of the instrument's increments, or of its last digit where a source is finer than
the increment, so every transformation is exact.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_trader.model import (
    AggressorSide,
    Bar,
    BarType,
    Price,
    Quantity,
    QuoteTick,
    TradeId,
    TradeTick,
)
from nautilus_trader.persistence import ParquetDataCatalog

from framework.catalog import manifest
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from framework.specs import DataKind


class Row(NamedTuple):
    """One event.

    Attributes:
        ts: When it is known, nanoseconds since the epoch, UTC; a bar's close.
        prices: In ticks: open, high, low, close; or bid, ask; or the price.
        sizes: In size increments: the volume; or bid size, ask size; or the size.
        ts_event: When it happened, where that is another time than `ts`.
        tag: Of a trade, its aggressor and its identifier; made up when it is None.
    """

    ts: int
    prices: tuple[int, ...]
    sizes: tuple[int, ...]
    ts_event: int | None = None
    tag: tuple[AggressorSide, TradeId] | None = None


@dataclass(frozen=True)
class Tape:
    """One stream, in time order.

    Attributes:
        kind: What the rows are.
        instrument: The engine's instrument.
        name: The stream as `node.yaml` names it: a bar type or an instrument identifier.
        rows: The events.
        digits: Whether prices and sizes count last digits instead of increments.
    """

    kind: DataKind
    instrument: Any
    name: str
    rows: tuple[Row, ...]
    digits: bool = False

    def until(self, ts: int) -> Tape:
        """Only what was known at `ts`."""
        return replace(self, rows=tuple(row for row in self.rows if row.ts <= ts))

    def first(self, count: int) -> Tape:
        """Only the first rows."""
        return replace(self, rows=self.rows[:count])

    def shuffled_after(self, ts: int, seed: int) -> Tape:
        """The same past, and after `ts` the same events in another order at the same times."""
        past = [row for row in self.rows if row.ts <= ts]
        future = [row for row in self.rows if row.ts > ts]
        contents = [(row.prices, row.sizes) for row in future]
        random.Random(seed).shuffle(contents)  # noqa: S311 - simulated prices, not secrets
        mixed = [
            row._replace(prices=prices, sizes=sizes)
            for row, (prices, sizes) in zip(future, contents, strict=True)
        ]
        return replace(self, rows=(*past, *mixed))

    def holed_after(self, ts: int, seed: int) -> Tape:
        """The same past, and after `ts` about every other event is missing.

        The engine has no price that is not a number; where others hold one, it has no event.
        """
        rng = random.Random(seed)  # noqa: S311 - which rows, not secrets
        return replace(self, rows=tuple(row for row in self.rows if row.ts <= ts or rng.random() < 0.5))  # noqa: PLR2004

    def since(self, ts: int) -> Tape:
        """Only what becomes known at `ts` or later."""
        return replace(self, rows=tuple(row for row in self.rows if row.ts >= ts))

    def scaled_after(self, ts: int, factor: int) -> Tape:
        """The same past, and after `ts` every price times `factor`."""
        return replace(
            self,
            rows=tuple(
                row if row.ts <= ts else row._replace(prices=tuple(price * factor for price in row.prices))
                for row in self.rows
            ),
        )

    def thinned(self, size: int) -> Tape:
        """The same prices, with no event larger than `size` increments."""
        return replace(
            self,
            rows=tuple(
                row._replace(sizes=tuple(min(size, traded) for traded in row.sizes)) for row in self.rows
            ),
        )

    def records(self) -> Sequence[Any]:
        """The engine's own records."""
        return [self._record(number, row) for number, row in enumerate(self.rows)]

    def _record(self, number: int, row: Row) -> Any:
        prices: Any = [self._price(price) for price in row.prices]
        sizes: Any = [self._size(size) for size in row.sizes]
        what: Any
        fields: tuple[Any, ...] = (*prices, *sizes)
        if self.kind == "bars":
            what, fields = Bar, (BarType.from_str(self.name), *fields)
        elif self.kind == "quotes":
            what, fields = QuoteTick, (self.instrument.id, *fields)
        else:
            side = AggressorSide.BUY if number % 2 else AggressorSide.SELL
            tag = row.tag or (side, TradeId(str(number)))
            what, fields = TradeTick, (self.instrument.id, *fields, *tag)
        return what(*fields, row.ts if row.ts_event is None else row.ts_event, row.ts)

    def _price(self, ticks: int) -> Price:
        value = ticks * _unit(self.instrument, "price", digits=self.digits)
        return Price.from_decimal_dp(value, self.instrument.price_precision)

    def _size(self, steps: int) -> Quantity:
        value = steps * _unit(self.instrument, "size", digits=self.digits)
        return Quantity.from_decimal_dp(value, self.instrument.size_precision)


def read(
    folder: Path, kind: DataKind, name: str, *, start: int | None = None, end: int | None = None
) -> Tape:
    """One stream of a catalog, from start to end, both included.

    Its files must have been verified: the engine decodes them.

    Raises:
        DataError: The catalog has no such instrument, or no data in the range.
    """
    catalog = ParquetDataCatalog(str(folder))
    owner = str(BarType.from_str(name).instrument_id) if kind == "bars" else name
    instrument: Any = next((held for held in catalog.instruments([owner]) if str(held.id) == owner), None)
    if instrument is None:
        raise DataError(f"the catalog has no instrument {owner}", where=str(folder))
    queries: dict[str, Any] = {
        "bars": catalog.query_bars,
        "quotes": catalog.query_quote_ticks,
        "trades": catalog.query_trade_ticks,
    }
    records = sorted(queries[kind]([name], start, end), key=lambda record: record.ts_init)
    if not records:
        raise DataError(f"{name} has no data in the range", where=str(folder))
    try:
        return Tape(kind, instrument, name, tuple(_rows(kind, instrument, records, digits=False)))
    except _OffGrid:
        rows = tuple(_rows(kind, instrument, records, digits=True))
        return Tape(kind, instrument, name, rows, digits=True)


class _OffGrid(Exception):  # noqa: N818 - never leaves this module
    """A price or size between two increments."""


def _rows(kind: DataKind, instrument: Any, records: Iterable[Any], *, digits: bool) -> list[Row]:
    price, size = _counter(instrument, "price", digits=digits), _counter(instrument, "size", digits=digits)
    rows = []
    prices: tuple[int, ...]
    sizes: tuple[int, ...]
    for record in records:
        tag = None
        if kind == "bars":
            prices = tuple(map(price, (record.open, record.high, record.low, record.close)))
            sizes = (size(record.volume),)
        elif kind == "quotes":
            prices = (price(record.bid_price), price(record.ask_price))
            sizes = (size(record.bid_size), size(record.ask_size))
        else:
            prices, sizes = (price(record.price),), (size(record.size),)
            tag = (record.aggressor_side, record.trade_id)
        event = None if record.ts_event == record.ts_init else record.ts_event
        rows.append(Row(record.ts_init, prices, sizes, event, tag))
    return rows


def _unit(instrument: Any, what: str, *, digits: bool) -> Decimal:
    if digits:
        return Decimal(1).scaleb(-getattr(instrument, f"{what}_precision"))
    increment: Decimal = getattr(instrument, f"{what}_increment").as_decimal()
    return increment


def _counter(instrument: Any, what: str, *, digits: bool) -> Callable[[Any], int]:
    unit = _unit(instrument, what, digits=digits)

    def count(value: Any) -> int:
        number, rest = divmod(value.as_decimal(), unit)
        if rest:
            raise _OffGrid
        return int(number)

    return count


def write(folder: Path, tapes: Iterable[Tape]) -> Path:
    """Write the tapes as a catalog with a manifest, in a folder that does not exist yet.

    A tape without rows leaves its instrument in the catalog and no data.
    """
    folder.mkdir(parents=True)
    tapes = list(tapes)
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments(list({str(tape.instrument.id): tape.instrument for tape in tapes}.values()))
    writers: dict[str, Any] = {
        "bars": catalog.write_bars,
        "quotes": catalog.write_quote_ticks,
        "trades": catalog.write_trade_ticks,
    }
    spans: dict[str, tuple[int, int, int]] = {}
    for tape in tapes:
        if tape.rows:
            name = writers[tape.kind](tape.records())
            spans[name] = (len(tape.rows), tape.rows[0].ts, tape.rows[-1].ts)
    closes = manifest.BarStream(stamp="close", source_stamp="close")
    manifest.write_manifest(
        folder,
        manifest.Manifest(
            files={name: _entry(folder, name, spans) for name in manifest.data_files(folder)},
            bars={tape.name: closes for tape in tapes if tape.kind == "bars"},
        ),
    )
    return folder


def _entry(folder: Path, name: str, spans: dict[str, tuple[int, int, int]]) -> manifest.FileEntry:
    rows, first, last = spans.get(name, (1, 0, 0))
    path = folder / name
    return manifest.FileEntry(
        sha256=manifest.sha256_of(path), size=path.stat().st_size, rows=rows, first=first, last=last
    )
