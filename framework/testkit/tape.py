"""One stream of simulated data in whole ticks, what can be done to it, and how it becomes a catalog.

Prices and sizes are counts of the instrument's increments, so every transformation is exact.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from framework.specs import DataKind


class Row(NamedTuple):
    """One event.

    Attributes:
        ts: When it is known, nanoseconds since the epoch, UTC; a bar's close.
        prices: In ticks: open, high, low, close; or bid, ask; or the price.
        sizes: In size increments: the volume; or bid size, ask size; or the size.
    """

    ts: int
    prices: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Tape:
    """One stream, in time order.

    Attributes:
        kind: What the rows are.
        instrument: The engine's instrument.
        name: The stream as `node.yaml` names it: a bar type or an instrument identifier.
        rows: The events.
    """

    kind: DataKind
    instrument: Any
    name: str
    rows: tuple[Row, ...]

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
        mixed = [Row(row.ts, *content) for row, content in zip(future, contents, strict=True)]
        return replace(self, rows=(*past, *mixed))

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
            what, fields = TradeTick, (self.instrument.id, *fields, side, TradeId(str(number)))
        return what(*fields, row.ts, row.ts)

    def _price(self, ticks: int) -> Price:
        value = ticks * self.instrument.price_increment.as_decimal()
        return Price.from_decimal_dp(value, self.instrument.price_precision)

    def _size(self, steps: int) -> Quantity:
        value = steps * self.instrument.size_increment.as_decimal()
        return Quantity.from_decimal_dp(value, self.instrument.size_precision)


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
