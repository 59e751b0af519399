"""The benchmark's data: seeded random walks in whole ticks, as arrays for everybody and as a catalog.

A data set is a folder. `SERIES/*.npy` are int64 arrays of nanoseconds and of ticks of 0.00001, which every
contender may read; `catalog/` is the same in the engine's Parquet format, written by the engine's own writer
in files of 100,000 rows, as an import makes them; `bars.csv` is written for the import only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
from nautilus_trader.model import Venue
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.testkit.providers import TestInstrumentProvider

from framework.catalog.encode import Stream
from framework.catalog.objects import write_records
from framework.catalog.streams import adopt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEED = 20
START = 1_500_000_000_000_000_000
MINUTE, SECOND = 60_000_000_000, 1_000_000_000
PIECE = 100_000
VOLUME = 10_000_000
"""A quarter of it is filled at the close, far more than any order here asks for."""
LOW, HIGH = 60_000, 200_000
"""Prices are folded back into this range, in ticks: 0.6 to 2.0."""
CODES = (
    *("EUR", "GBP", "AUD", "NZD", "CHF", "CAD", "NOK", "SEK", "DKK", "PLN"),
    *("HUF", "CZK", "TRY", "ZAR", "MXN", "SGD", "HKD", "CNY", "ILS", "THB"),
)

type Kind = Literal["bars", "quotes"]


@dataclass(frozen=True)
class Series:
    """One instrument's rows.

    Attributes:
        symbol: As in `EUR/USD`.
        kind: `bars` have columns `ts open high low close`, `quotes` have `ts bid ask`.
        columns: int64, nanoseconds and ticks.
    """

    symbol: str
    kind: Kind
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.columns["ts"])

    @property
    def name(self) -> str:
        """The stream as `node.yaml` names it."""
        return f"{self.symbol}.SIM" + ("-1-MINUTE-LAST-EXTERNAL" if self.kind == "bars" else "")


def bars(length, number=0):
    """Minute bars of the instrument with that number: a walk of up to thirty ticks a bar."""
    draw = np.random.default_rng([SEED, number])
    close = folded(110_000 + draw.integers(-30, 31, length).cumsum())
    opened = np.concatenate(([110_000], close[:-1]))
    return Series(
        f"{CODES[number]}/USD",
        "bars",
        {
            "ts": START + MINUTE * np.arange(1, length + 1),
            "open": opened,
            "high": np.maximum(opened, close) + draw.integers(0, 11, length),
            "low": np.minimum(opened, close) - draw.integers(0, 11, length),
            "close": close,
        },
    )


def quotes(length):
    """Quotes a second apart, one tick wide: a walk of up to two ticks a quote."""
    draw = np.random.default_rng([SEED, 1_000])
    bid = folded(110_000 + draw.integers(-2, 3, length).cumsum())
    return Series(
        "EUR/USD", "quotes", {"ts": START + SECOND * np.arange(1, length + 1), "bid": bid, "ask": bid + 1}
    )


def folded(walk):
    """The walk reflected at both ends of the price range."""
    width = HIGH - LOW
    return HIGH - np.abs((walk - LOW) % (2 * width) - width)


def hash_of(series):
    """SHA-256 over every array of every series, in order."""
    digest = hashlib.sha256()
    for one in series:
        digest.update(one.name.encode())
        for name, column in one.columns.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(column, dtype="<i8"))
    return digest.hexdigest()


def save(folder: Path, series, *, catalog=True, csv=False):
    """Write a data set; returns the folder."""
    for one in series:
        home = folder / one.symbol.replace("/", "")
        home.mkdir(parents=True)
        for name, column in one.columns.items():
            np.save(home / f"{name}.npy", column)
        if csv:
            write_csv(folder / "bars.csv", one)
    if catalog:
        write_catalog(folder / "catalog", series)
    return folder


def write_catalog(folder: Path, series):
    """The series in the engine's format, recorded in the catalog's manifest."""
    folder.mkdir()
    instruments = [instrument(one.symbol) for one in series]
    ParquetDataCatalog(str(folder)).write_instruments(instruments)
    for one, traded in zip(series, instruments, strict=True):
        for begin in range(0, len(one), PIECE):
            piece = slice(begin, begin + PIECE)
            write_records(folder, Stream(one.kind, one.name), _table(one, piece), traded)
    adopt(folder, stamp="close")


def instrument(symbol):
    """A currency pair in ticks of 0.00001 and units of 1."""
    return TestInstrumentProvider.default_fx_ccy(symbol, Venue("SIM"))


def write_csv(path: Path, series):
    """Text as a data vendor sends it: ISO times of the close, five decimals."""
    columns = {"time": pa.array(series.columns["ts"]).cast(pa.timestamp("ns", "UTC")).cast(pa.string())}
    for name in ("open", "high", "low", "close"):
        ticks = series.columns[name]
        columns[name] = pa.array([f"{tick // 100_000}.{tick % 100_000:05d}" for tick in ticks.tolist()])
    columns["volume"] = pa.array([str(VOLUME)] * len(series))
    with pa.csv.CSVWriter(
        path,
        pa.schema({name: pa.string() for name in columns}),
        write_options=pa.csv.WriteOptions(quoting_style="none"),
    ) as writer:
        writer.write_table(pa.table(columns))


def _table(series, piece):
    """Rows in the engine's columns: decimals with sixteen digits after the point."""
    ts = pa.array(series.columns["ts"][piece]).cast(pa.timestamp("ns", "UTC"))
    prices = {name: column[piece] for name, column in series.columns.items() if name != "ts"}
    columns = {
        name if series.kind == "bars" else f"{name}_price": _decimals(ticks) for name, ticks in prices.items()
    }
    sizes = ("volume",) if series.kind == "bars" else ("bid_size", "ask_size")
    columns |= {name: _sizes(len(ts)) for name in sizes}
    return pa.table(columns | {"ts_event": ts, "ts_init": ts})


def _decimals(ticks):
    words = np.zeros((len(ticks), 2), dtype="<i8")
    words[:, 0] = ticks * 10**11
    return pa.Array.from_buffers(pa.decimal128(38, 16), len(ticks), [None, pa.py_buffer(words)])


def _sizes(length):
    words = np.frombuffer((VOLUME * 10**16).to_bytes(16, "little"), dtype="<i8")
    words = np.ascontiguousarray(np.broadcast_to(words, (length, 2)))
    return pa.Array.from_buffers(pa.decimal128(38, 16), length, [None, pa.py_buffer(words)])
