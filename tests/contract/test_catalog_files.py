"""What the import writes is what the engine's own catalog writes: place, schema, layout and every value."""

from __future__ import annotations

import random
import string

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nautilus_trader.model import BarType, NautilusDataType
from nautilus_trader.persistence import (
    BarDataWrangler,
    ParquetDataCatalog,
    QuoteTickDataWrangler,
    TradeTickDataWrangler,
)

from framework.catalog.encode import Stream
from framework.catalog.instruments import find_instrument
from framework.catalog.objects import schema_of, write_records
from framework.errors import DataError

START = 1_704_067_200_123_456_789
DATA_TYPES = {
    "bars": NautilusDataType.Bar,
    "quotes": NautilusDataType.QuoteTick,
    "trades": NautilusDataType.TradeTick,
}


def decimals(values, precision):
    texts = [
        f"{'-' if value < 0 else ''}{abs(value) // 10**precision}.{abs(value) % 10**precision:0{precision}d}"
        if precision
        else str(value)
        for value in values
    ]
    return pa.array(texts).cast(pa.decimal128(38, 16))


def columns(kind, instrument, rows, seed):
    """Random rows, the largest and the smallest the engine takes among them."""
    rng = random.Random(seed)
    price, size = instrument.price_precision, instrument.size_precision
    most = 10**12
    lows = [rng.randrange(1, most * 10**price // 2) for _ in range(rows)]
    lows[0], lows[-1] = 1, most * 10**price - 3
    sizes = [rng.randrange(1, most * 10**size) for _ in range(rows)]
    sizes[0], sizes[-1] = 1, most * 10**size
    ts = sorted(START + rng.randrange(rows * 10**9) for _ in range(rows))
    stamps = pa.array(ts).cast(pa.timestamp("ns", "UTC"))
    times = {"ts_event": stamps, "ts_init": stamps}
    if kind == "bars":
        steps = {"open": 1, "high": 3, "low": 0, "close": 2}
        prices = {name: decimals([low + step for low in lows], price) for name, step in steps.items()}
        return {**prices, "volume": decimals(sizes, size), **times}
    if kind == "quotes":
        return {
            "bid_price": decimals(lows, price),
            "ask_price": decimals([low + 1 for low in lows], price),
            "bid_size": decimals(sizes, size),
            "ask_size": decimals(sizes[::-1], size),
            **times,
        }
    sides = [rng.choice(["BUY", "SELL", "NO_AGGRESSOR"]) for _ in range(rows)]
    names = [
        "".join(rng.choices(string.ascii_letters + string.digits + "-_:.", k=rng.randint(1, 36)))
        for _ in range(rows)
    ]
    return {
        "price": decimals(lows, price),
        "size": decimals(sizes, size),
        "aggressor_side": pa.array(sides).dictionary_encode(),
        "trade_id": pa.array(names),
        **times,
    }


def by_the_engine(folder, stream, table, instrument):
    """The engine's records from the same columns, written by the engine's own catalog."""
    wrangler = {"bars": BarDataWrangler, "quotes": QuoteTickDataWrangler, "trades": TradeTickDataWrangler}
    made = wrangler[stream.kind](stream.identifier, instrument.price_precision, instrument.size_precision)
    sink = pa.BufferOutputStream()
    typed = table.cast(schema_of(stream, instrument))
    with pa.ipc.new_stream(sink, typed.schema) as writer:
        writer.write_table(typed.combine_chunks())
    records = made.process_record_batch_bytes(sink.getvalue().to_pybytes())
    catalog = ParquetDataCatalog(str(folder))
    write = {
        "bars": catalog.write_bars,
        "quotes": catalog.write_quote_ticks,
        "trades": catalog.write_trade_ticks,
    }
    return write[stream.kind](records), records


INSTRUMENTS = ["EURUSD", "BTCUSDT-PERP", "ES", "equity:BRK.B"]


@pytest.mark.parametrize("preset", INSTRUMENTS)
@pytest.mark.parametrize("kind", ["bars", "quotes", "trades"])
@pytest.mark.parametrize("rows", [1, 2, 3_000])
def test_a_file_is_the_engines_file(tmp_path, kind, preset, rows):
    instrument = find_instrument(preset, venue="SIM")
    name = f"{instrument.id}-1-MINUTE-LAST-EXTERNAL" if kind == "bars" else str(instrument.id)
    stream, table = Stream(kind, name), pa.table(columns(kind, instrument, rows, seed=rows))
    for home in ("ours", "theirs"):
        (tmp_path / home).mkdir()
    ours = write_records(tmp_path / "ours", stream, table, instrument)
    theirs, records = by_the_engine(tmp_path / "theirs", stream, table, instrument)
    assert ours == theirs
    mine, wanted = (pq.ParquetFile(tmp_path / home / ours) for home in ("ours", "theirs"))
    assert mine.schema_arrow.equals(wanted.schema_arrow, check_metadata=True)
    assert mine.schema.equals(wanted.schema)
    assert mine.read().equals(wanted.read())
    assert mine.metadata.num_row_groups == wanted.metadata.num_row_groups == 1
    for place in range(len(mine.schema_arrow)):
        one, other = (file.metadata.row_group(0).column(place) for file in (mine, wanted))
        assert one.compression == other.compression
        assert set(one.encodings) == set(other.encodings)
        assert (one.statistics.min, one.statistics.max) == (other.statistics.min, other.statistics.max)
        assert (one.has_column_index, one.has_offset_index) == (
            other.has_column_index,
            other.has_offset_index,
        )
    catalog = ParquetDataCatalog(str(tmp_path / "ours"))
    held = catalog.query(DATA_TYPES[kind], [name])
    assert list(held) == list(records)


@pytest.mark.parametrize(
    "symbol",
    ["EUR/USD", "BRK.B", "BTC-PERP", "A B", "É", "^GSPC", "x=y&z", "UP_down", "1/2/3", "a%2Fb", "#1", "a+b"],
)
def test_a_symbol_becomes_the_engines_folder(tmp_path, symbol):
    try:
        bar_type = BarType.from_str(f"{symbol}.SIM-1-MINUTE-LAST-EXTERNAL")
    except ValueError:
        pytest.fail(f"the engine has no such symbol: {symbol}")
    instrument = find_instrument("EURUSD")
    stream, table = Stream("bars", str(bar_type)), pa.table(columns("bars", instrument, 2, seed=1))
    for home in ("ours", "theirs"):
        (tmp_path / home).mkdir()
    theirs, _ = by_the_engine(tmp_path / "theirs", stream, table, instrument)
    assert write_records(tmp_path / "ours", stream, table, instrument) == theirs


def test_what_the_engine_would_refuse_is_refused(tmp_path):
    instrument = find_instrument("EURUSD")
    stream = Stream("quotes", str(instrument.id))
    table = pa.table(columns("quotes", instrument, 3, seed=1))
    for rows, said in (
        (table.take([0, 2, 1]), "not in time order"),
        (table.slice(0, 0), "there are none"),
    ):
        with pytest.raises(DataError, match=said):
            write_records(tmp_path, stream, rows, instrument)
    hole = table.set_column(0, "bid_price", pa.array([None, None, None], pa.decimal128(38, 16)))
    with pytest.raises(DataError, match="a value is missing"):
        write_records(tmp_path, stream, hole, instrument)
    write_records(tmp_path, stream, table, instrument)
    with pytest.raises(DataError, match="there already"):
        write_records(tmp_path, stream, table, instrument)
