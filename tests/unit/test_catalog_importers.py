"""What each source format becomes, and what is refused; expected values are written by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nautilus_trader.persistence import ParquetDataCatalog

from framework import DataError, ImporterSpec
from framework.catalog import source
from framework.catalog.builtin import register_importers
from framework.catalog.frames import table
from framework.catalog.instruments import find_instrument
from framework.catalog.manifest import bar_stamp, read_manifest
from framework.catalog.settings import ImportSettings
from framework.catalog.write import import_file

SPECS = {spec.name: spec for spec in register_importers()}
HOUR = 3_600_000_000_000


def ns(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000


def bars_settings(**changes):
    stated = {
        "instrument": find_instrument("EURUSD"),
        "bars": "1-HOUR-LAST",
        "stamp": "open",
        "timezone": "UTC",
    }
    return ImportSettings(**(stated | changes))


@pytest.fixture
def load(tmp_path):
    """Imports text (or bytes) and gives back what the engine reads from the catalog."""

    def run(content, settings, *, importer="csv", name="f.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        report = import_file(tmp_path / "catalog", SPECS[importer], settings, file)
        catalog = ParquetDataCatalog(str(tmp_path / "catalog"))
        query = {
            "bars": catalog.query_bars,
            "quotes": catalog.query_quote_ticks,
            "trades": catalog.query_trade_ticks,
        }[settings.kind]
        return report, query()

    return run


@pytest.fixture
def refused(load, tmp_path):
    """Imports text that must be refused, and checks that the catalog was left untouched."""

    def run(content, settings=None, **more):
        with pytest.raises(DataError) as caught:
            load(content, settings or bars_settings(), **more)
        assert not (tmp_path / "catalog").exists()
        return caught.value

    return run


CSV = """time,open,high,low,close,volume
2024-01-02 10:00,1.1,1.2,1.0,1.15,100
2024-01-02 11:00,1.15,1.16,1.14,1.15001,7
"""


def row(bar):
    return [str(value) for value in (bar.open, bar.high, bar.low, bar.close, bar.volume)]


def test_open_stamped_bars_arrive_at_their_close(load):
    report, bars = load(CSV, bars_settings())
    assert [row(bar) for bar in bars] == [
        ["1.10000", "1.20000", "1.00000", "1.15000", "100"],
        ["1.15000", "1.16000", "1.14000", "1.15001", "7"],
    ]
    expected = [ns(2024, 1, 2, 11), ns(2024, 1, 2, 12)]
    assert [bar.ts_event for bar in bars] == [bar.ts_init for bar in bars] == expected
    assert {str(bar.bar_type) for bar in bars} == {"EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"}
    assert (report.rows, report.first, report.last) == (2, "2024-01-02T11:00:00Z", "2024-01-02T12:00:00Z")


def test_close_stamped_bars_stay_where_they_are(load):
    _, bars = load(CSV, bars_settings(stamp="close"))
    assert [bar.ts_init for bar in bars] == [ns(2024, 1, 2, 10), ns(2024, 1, 2, 11)]


def test_the_stamp_is_on_record_for_the_run_to_check(load, tmp_path):
    load(CSV, bars_settings())
    catalog = tmp_path / "catalog"
    assert bar_stamp(catalog, "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL") == "close"
    assert bar_stamp(catalog, "EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL") is None
    assert read_manifest(catalog).bars["EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"].source_stamp == "open"


def test_a_stamp_that_is_not_stated_is_refused(refused):
    error = refused(CSV, bars_settings(stamp=None))
    assert "not stated" in error.message
    assert "--stamp open or --stamp close" in error.remedy


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ("1-DAY-LAST", [ns(2024, 3, 10, 5), ns(2024, 3, 11, 4)]),  # New York springs forward on 10 March
        ("1-WEEK-LAST", [ns(2024, 3, 16, 4), ns(2024, 3, 17, 4)]),
        ("1-MONTH-LAST", [ns(2024, 4, 9, 4), ns(2024, 4, 10, 4)]),
        ("15-MINUTE-LAST", [ns(2024, 3, 9, 5, 15), ns(2024, 3, 10, 5, 15)]),
    ],
)
def test_days_and_longer_close_by_the_calendar_of_the_sources_zone(load, bars, expected):
    text = "time,open,high,low,close,volume\n2024-03-09,1,1,1,1,1\n2024-03-10,1,1,1,1,1\n"
    _, found = load(text, bars_settings(bars=bars, timezone="America/New_York"))
    assert [bar.ts_init for bar in found] == expected


def test_daily_bars_dated_with_a_day_close_when_the_session_does(load):
    text = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,1,1,1,1\n2024-07-02,1,1,1,1,1\n"
    settings = bars_settings(
        bars="1-DAY-LAST", stamp=None, timezone="America/New_York", session_close="16:00"
    )
    _, found = load(text, settings)
    assert [bar.ts_init for bar in found] == [ns(2024, 1, 2, 21), ns(2024, 7, 2, 20)]


def test_a_daily_bar_stamped_at_midnight_of_its_own_day_as_its_close_is_refused(refused):
    text = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,1,1,1,1\n"
    error = refused(text, bars_settings(bars="1-DAY-LAST", stamp="close"))
    assert "--session-close" in error.remedy


def test_bars_without_a_fixed_span_cannot_be_shifted(refused):
    assert "cannot be shifted" in refused(CSV, bars_settings(bars="100-TICK-LAST")).message


@pytest.mark.parametrize(
    "bars", [None, "1-HOUR", "HOUR", "1-FORTNIGHT-LAST", "0-HOUR-LAST", "1-HOUR-LASTT", "x"]
)
def test_what_bars_they_are_must_be_said_properly(refused, bars):
    assert "--bars" in refused(CSV, bars_settings(bars=bars)).remedy


def test_columns_are_found_by_mapping_joining_and_position(load):
    text = "d;t;o;h;l;c;v\n20240102;1000;1;3;0.5;2;9\n"
    mapping = {"time": "d+t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    settings = bars_settings(columns=mapping, delimiter=";", time_format="%Y%m%d %H%M")
    assert [row(bar) for bar in load(text, settings)[1]] == [
        ["1.00000", "3.00000", "0.50000", "2.00000", "9"]
    ]


def test_a_file_without_a_header_is_read_by_position(load):
    mapping = {"time": "1", "open": "2", "high": "3", "low": "4", "close": "5", "volume": "6"}
    text = "2024-01-02 10:00,1,3,0.5,2,9\n2024-01-02 11:00,1,3,0.5,2,8\n"
    _, found = load(text, bars_settings(columns=mapping, header=False))
    assert [str(bar.volume) for bar in found] == ["9", "8"]


def test_quoted_fields_blank_lines_a_byte_order_mark_and_crlf_are_read(load):
    text = '\ufefftime,open,high,low,close,volume\r\n\r\n"2024-01-02 10:00","1",1,1,1,"1"\r\n'
    assert len(load(text, bars_settings())[1]) == 1


def test_a_missing_column_is_answered_with_the_nearest(refused):
    error = refused("time,opne,high,low,close,volume\n2024-01-02,1,1,1,1,1\n")
    assert error.message.startswith('no column "open"')
    assert 'Did you mean "opne"?' in error.remedy
    assert error.where.endswith("f.csv:1")


def test_a_wrong_mapping_is_refused_on_either_side(refused):
    assert 'Did you mean "open"?' in refused(CSV, bars_settings(columns={"opne": "open"})).remedy
    assert 'Did you mean "open"?' in refused(CSV, bars_settings(columns={"open": "Opn"})).remedy


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2024-01-02 12:00,1,1,1,1", "5 fields"),
        ("2024-01-02 12:00,1,1,1,1,1,1", "7 fields"),
        ("2024-01-02 12:00,nan,1,1,1,1", "not a number"),
        ("2024-01-02 12:00,1,1,,1,1", "not a number"),
        ("2024-01-02 12:00,1,1,1,1,inf", "not a number"),
        ("2024-01-02 12:00,-1,1,-1,1,1", "open is not above 0"),
        ("2024-01-02 12:00,1,1,0,1,1", "low is not above 0"),
        ("2024-01-02 12:00,1,1,1,1,-5", "volume is below 0"),
        ("2024-01-02 12:00,1,0.9,0.9,1,1", "the high is below"),
        ("2024-01-02 12:00,1,1.2,1.1,1.15,1", "the high is below, or the low above"),
        ("2024-01-02 12:00,1.123456,2,1,1,1", "finer than the instrument"),
        ("2024-01-02 12:00,1,1,1,1,1.5", "finer than the instrument"),
        ("2024-01-02 11:00,1,1,1,1,1", "same time"),
        ("2024-01-02 09:00,1,1,1,1,1", "earlier"),
        ("1969-01-02 09:00,1,1,1,1,1", "before 1970"),
        ("02/01/2024,1,1,1,1,1", "not ISO 8601"),
        ('2024-01-02 12:00,1,1,1,1,"1', "cannot be read"),
        ("2024-01-02 12:00,1,1,1,1,\0", "not a number"),
        ("x" * (source.MAX_LINE + 1), "longer than"),
        ("2024-01-02 12:00," + "1" * 200_000 + ",1,1,1,1", "cannot be read"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line_and_nothing_is_written(refused, line, message):
    error = refused(CSV + line + "\n")
    assert message in error.message
    assert ":4" in error.where


def test_a_bad_row_after_the_first_chunk_leaves_nothing_behind(refused, monkeypatch):
    monkeypatch.setattr("framework.catalog.importers.CHUNK", 1)
    assert refused(CSV + "2024-01-02 10:30,1,1,1,1,1\n").where.endswith(":4")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"time,open,high,low,close,volume\n", "no rows"),
        (b"\n\n", "no lines"),
        (CSV.encode() + b"2024-01-02 12:00,1,1,1,\xff,1\n", "not UTF-8"),
        (CSV.encode("utf-16"), "not UTF-8"),
        (gzip.compress(CSV.encode(), mtime=0), "not UTF-8"),
    ],
)
def test_a_file_that_holds_no_rows_or_no_text_is_refused(refused, content, message):
    assert message in refused(content).message


def test_rows_out_of_order_are_sorted_when_asked(load):
    text = "time,open,high,low,close,volume\n2024-01-02 11:00,2,2,2,2,2\n2024-01-02 10:00,1,1,1,1,1\n"
    _, bars = load(text, bars_settings(sort=True))
    assert [str(bar.volume) for bar in bars] == ["1", "2"]


def test_rounding_is_reported(load):
    text = "time,open,high,low,close,volume\n2024-01-02 10:00,1.123455,2,1,1.123465,1.5\n"
    report, (bar,) = load(text, bars_settings(round=True))
    assert row(bar) == ["1.12346", "2.00000", "1.00000", "1.12346", "2"]
    assert report.rounded == 3


def test_a_source_without_volume_needs_one_stated(load, refused):
    text = "time,open,high,low,close\n2024-01-02 10:00,1,1,1,1\n"
    error = refused(text)
    assert "--volume" in error.remedy
    _, (bar,) = load(text, bars_settings(volume="1000000"))
    assert str(bar.volume) == "1000000"


def test_bid_and_ask_bars_become_two_series(load):
    names = [f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low", "close")]
    text = f"time,{','.join(names)}\n2024-01-02 10:00,1,2,1,2,1.1,2.1,1.1,2.1\n"
    _, found = load(text, bars_settings(bars="1-HOUR", volume="5"))
    assert {str(bar.bar_type): str(bar.close) for bar in found} == {
        "EUR/USD.SIM-1-HOUR-BID-EXTERNAL": "2.00000",
        "EUR/USD.SIM-1-HOUR-ASK-EXTERNAL": "2.10000",
    }


def test_quotes_at_the_same_instant_keep_their_order(load):
    text = "timestamp,bid,ask,bid_size,ask_size\n" + "".join(
        f"2024-01-02T10:00:00.{n // 2:03d}Z,1.{n},2.{n},{n},0\n" for n in range(1, 8)
    )
    _, found = load(text, ImportSettings(instrument=find_instrument("EURUSD"), kind="quotes"))
    assert [str(quote.bid_price) for quote in found] == [f"1.{n}0000" for n in range(1, 8)]
    assert [str(quote.bid_size) for quote in found] == list("1234567")


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_an_instant_is_never_split_between_files(load, monkeypatch, chunk, tmp_path):
    monkeypatch.setattr("framework.catalog.importers.CHUNK", chunk)
    text = "time,price,size,side,id\n" + "".join(
        f"2024-01-02T10:00:0{second}Z,{n + 1},1,buy,{second}{n}\n"
        for second in (0, 1, 1, 1, 2)
        for n in range(2)
    )
    settings = ImportSettings(instrument=find_instrument("EURUSD"), kind="trades")
    report, found = load(text, settings)
    assert [str(trade.trade_id) for trade in found] == [
        line.rpartition(",")[2] for line in text.splitlines()[1:]
    ]
    spans = sorted((entry.first, entry.last) for entry in read_manifest(tmp_path / "catalog").files.values())[
        1:
    ]
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    assert report.rows == 10


def test_trades_say_who_took_liquidity(load):
    text = "time,price,size,side\n" + "".join(
        f"2024-01-02T10:00:0{second}Z,1,1,{side}\n" for second, side in enumerate(("buy", "S", ""))
    )
    _, found = load(text, ImportSettings(instrument=find_instrument("EURUSD"), kind="trades"))
    assert [trade.aggressor_side.name for trade in found] == ["BUY", "SELL", "NO_AGGRESSOR"]
    assert [str(trade.trade_id) for trade in found] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2024-01-02T10:00:00Z,1,0,buy,7", "size of a trade is 0"),
        ("2024-01-02T10:00:00Z,1,1,bought,7", "side"),
        ("2024-01-02T10:00:00Z,1,1,buy," + "7" * 37, "identifier"),
        ("2024-01-02T10:00:00Z,1,1,buy,", "identifier"),
        ("2024-01-02T10:00:00Z,1,1,buy,é", "identifier"),
    ],
)
def test_a_malformed_trade_is_refused_with_its_line(refused, line, message):
    settings = ImportSettings(instrument=find_instrument("EURUSD"), kind="trades")
    error = refused("time,price,size,side,id\n" + line + "\n", settings)
    assert message in error.message
    assert error.where.endswith(":2")


def test_a_future_may_trade_below_zero(load):
    text = "time,open,high,low,close,volume\n2020-04-20 18:00,-37.5,-37.25,-40,-37.5,1\n"
    _, (bar,) = load(text, bars_settings(instrument=find_instrument("ES")))
    assert str(bar.low) == "-40.00"


def test_a_treasury_bond_in_thirty_seconds_is_exact(load):
    text = "time,open,high,low,close,volume\n2024-01-02 10:00,123.5,123.53125,123.46875,123.53125,3\n"
    _, (bar,) = load(text, bars_settings(instrument=find_instrument("UB")))
    assert str(bar.high) == "123.53125"


# -- compressed sources -------------------------------------------------------------------------


def zipped(**members):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return sink.getvalue()


def test_gz_and_zip_are_read_as_streams(load, tmp_path):
    assert len(load(gzip.compress(CSV.encode(), mtime=0), bars_settings(), name="f.csv.gz")[1]) == 2
    (tmp_path / "catalog").rename(tmp_path / "first")
    assert len(load(zipped(**{"f.csv": CSV}), bars_settings(), name="f.zip")[1]) == 2


def test_a_member_named_to_escape_its_folder_is_only_read(load, tmp_path):
    archive = zipped(**{"../../../escaped.csv": CSV})
    assert len(load(archive, bars_settings(), name="f.zip")[1]) == 2
    assert not list(tmp_path.parent.rglob("escaped.csv"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.zip", zipped(**{"a.csv": CSV, "b.csv": CSV}), "holds 2 files"),
        ("f.zip", zipped(), "holds 0 files"),
        ("f.zip", b"PK\x03\x04 not a zip", "compressed file cannot be read"),
        ("f.zip", zipped(**{"a.csv": CSV})[:-30], "compressed file cannot be read"),
        ("f.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-10], "compressed file cannot be read"),
        ("f.csv.gz", CSV.encode(), "cannot be read"),
        ("f.csv.gz", gzip.compress(b"", mtime=0), "no lines"),
    ],
    ids=["two files", "no file", "no zip", "cut zip", "cut gzip", "no gzip", "empty gzip"],
)
def test_a_damaged_archive_is_refused(refused, name, content, message):
    assert message in refused(content, name=name).message


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip"])
def test_a_decompression_bomb_is_stopped(refused, monkeypatch, name):
    monkeypatch.setattr(source, "FREE_BYTES", 1 << 20)
    row = "2024-01-02 10:00,1,1,1,1,1\n"
    text = "time,open,high,low,close,volume\n" + row * 1_000_000
    content = gzip.compress(text.encode()) if name.endswith("gz") else zipped(**{"a.csv": text})
    monkeypatch.setattr(source, "MAX_RATIO", 20)
    settings = bars_settings(sort=True)
    assert "decompresses to more than" in refused(content, settings, name=name).message


# -- Parquet --------------------------------------------------------------------------------------


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


PRICES = {name: [1.10001, 1.2] for name in ("open", "high", "low", "close")}


@pytest.mark.parametrize(
    ("times", "settings"),
    [
        (pa.array([ns(2024, 1, 2, 10), ns(2024, 1, 2, 11)], pa.timestamp("ns", "UTC")), {"timezone": None}),
        (pa.array([ns(2024, 1, 2, 10), ns(2024, 1, 2, 11)], pa.timestamp("ns")), {}),
        (
            pa.array(
                [ns(2024, 1, 2, 10) // 10**6, ns(2024, 1, 2, 11) // 10**6], pa.timestamp("ms", "Asia/Tokyo")
            ),
            {"timezone": None},
        ),
        (
            pa.array([ns(2024, 1, 2, 10) // 10**9, ns(2024, 1, 2, 11) // 10**9], pa.int64()),
            {"timezone": None},
        ),
        (pa.array(["2024-01-02 10:00", "2024-01-02 11:00"]), {}),
    ],
)
def test_a_parquet_file_of_any_time_type_is_read(load, times, settings):
    content = parquet(time=times, volume=[5, 6], **PRICES)
    _, bars = load(content, bars_settings(**settings), importer="parquet", name="f.parquet")
    assert [bar.ts_init - HOUR for bar in bars] == [ns(2024, 1, 2, 10), ns(2024, 1, 2, 11)]
    assert str(bars[0].open) == "1.10001"


def test_parquet_numbers_of_any_type_are_taken_at_their_shortest_text(load):
    number = [Decimal("1.10001"), Decimal("1.2")]
    content = parquet(
        time=["2024-01-02 10:00", "2024-01-02 11:00"],
        open=pa.array([1.10001, 1.2], pa.float32()),
        high=pa.array(number, pa.decimal128(10, 5)),
        low=["1.10001", "1.2"],
        close=[1.10001, 1.2],
        volume=pa.array([5, 6], pa.uint32()),
    )
    _, bars = load(content, bars_settings(), importer="parquet", name="f.parquet")
    assert [row(bar) for bar in bars] == [["1.10001"] * 4 + ["5"], ["1.20000"] * 4 + ["6"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not parquet at all", "not readable as Parquet"),
        (parquet(time=["2024-01-02 10:00", "x"], volume=[1, 1], **PRICES), "not ISO 8601"),
        (parquet(time=["2024-01-02 10:00", None], volume=[1, 1], **PRICES), "not ISO 8601"),
        (parquet(time=["2024-01-02", "2024-01-03"], volume=[None, 1.0], **PRICES), "not a number"),
        (parquet(time=["2024-01-02", "2024-01-03"], volume=[float("nan"), 1.0], **PRICES), "not a number"),
        (parquet(time=pa.array([], pa.string()), volume=[], open=[], high=[], low=[], close=[]), "no rows"),
        (parquet(time=["2024-01-02"], volume=[1]), 'no column "open"'),
        (
            parquet(time=["2024-01-02", "2024-01-03"], volume=[1, 1], **PRICES)[:-40],
            "not readable as Parquet",
        ),
    ],
)
def test_a_wrong_parquet_file_is_refused(refused, content, message):
    assert message in refused(content, importer="parquet", name="f.parquet").message


# -- Binance --------------------------------------------------------------------------------------

KLINE = "{},42000.10,42010.00,41990.00,42001.00,12.345,{},518000.1,99,6.1,256000.2,0\n"
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def klines(unit, header=""):
    start = ns(2025, 1, 1) // unit
    step = 60_000_000_000 // unit
    return header + "".join(KLINE.format(start + n * step, start + (n + 1) * step - 1) for n in range(2))


@pytest.mark.parametrize("unit", [10**6, 10**3])
@pytest.mark.parametrize("header", ["", KLINES])
def test_klines_in_ms_or_us_with_or_without_header_close_after_their_step(load, unit, header):
    settings = ImportSettings(instrument=find_instrument("BTCUSDT-PERP"), bars="1-MINUTE-LAST")
    _, bars = load(klines(unit, header), settings, importer="binance-vision")
    assert [bar.ts_init for bar in bars] == [ns(2025, 1, 1, 0, 1), ns(2025, 1, 1, 0, 2)]
    assert row(bars[0]) == ["42000.10", "42010.00", "41990.00", "42001.00", "12.345"]


def test_a_zip_with_its_checksum_beside_it_is_compared_with_it(load, tmp_path):
    settings = ImportSettings(instrument=find_instrument("BTCUSDT-PERP"), bars="1-MINUTE-LAST")
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("BTCUSDT-1m-2025-01-01.csv", klines(10**6, KLINES))
    name = "BTCUSDT-1m-2025-01-01.zip"
    stated = tmp_path / f"{name}.CHECKSUM"
    for digest in (hashlib.sha256(b"another").hexdigest(), "", "not a digest"):
        stated.write_text(f"{digest}  {name}\n")
        with pytest.raises(DataError, match=f"not what {name}.CHECKSUM says"):
            load(held.getvalue(), settings, importer="binance-vision", name=name)
        assert not (tmp_path / "catalog").exists()
    stated.write_text(f"{hashlib.sha256(held.getvalue()).hexdigest()}  {name}\n")
    _, bars = load(held.getvalue(), settings, importer="binance-vision", name=name)
    assert [bar.ts_init for bar in bars] == [ns(2025, 1, 1, 0, 1), ns(2025, 1, 1, 0, 2)]


def test_klines_of_another_step_than_stated_are_refused(refused):
    settings = ImportSettings(instrument=find_instrument("BTCUSDT-PERP"), bars="1-HOUR-LAST")
    error = refused(klines(10**6), settings, importer="binance-vision")
    assert "spans 60 seconds" in error.message


def test_a_stamp_that_contradicts_the_format_is_refused(refused):
    settings = ImportSettings(instrument=find_instrument("BTCUSDT-PERP"), bars="1-MINUTE-LAST", stamp="close")
    assert "Leave out --stamp" in refused(klines(10**6), settings, importer="binance-vision").remedy


SPOT_TRADES = """51175358,42000.1,5.69,101.2,1704164645123,True,True
51175359,42000.2,1,4.2,1704164645123,False,True
"""
FUTURES_TRADES = """id,price,qty,quote_qty,time,is_buyer_maker
7,42000.1,5.69,101.2,1704164645123,true
8,42000.2,1,4.2,1704164645123,false
"""
SPOT_AGGREGATED = """26129,42000.1,5.69,27781,27781,1704164645123456,True,True
26130,42000.2,1,27782,27790,1704164645123456,False,True
"""
FUTURES_AGGREGATED = """agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker
26129,42000.1,5.69,27781,27781,1704164645123,true
26130,42000.2,1,27782,27790,1704164645123,false
"""


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (SPOT_TRADES, ["51175358", "51175359"]),
        (FUTURES_TRADES, ["7", "8"]),
        (SPOT_AGGREGATED, ["26129", "26130"]),
        (FUTURES_AGGREGATED, ["26129", "26130"]),
    ],
)
def test_binance_trades_of_each_layout_are_read(load, text, ids):
    settings = ImportSettings(instrument=find_instrument("BTCUSDT"), kind="trades")
    _, found = load(text, settings, importer="binance-vision")
    assert [str(trade.trade_id) for trade in found] == ids
    assert [trade.aggressor_side.name for trade in found] == ["SELL", "BUY"]
    assert [(str(trade.price), str(trade.size)) for trade in found] == [
        ("42000.10", "5.69000"),
        ("42000.20", "1.00000"),
    ]
    assert {trade.ts_init // 10**6 for trade in found} == {1704164645123}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", "3 columns"),
        ("1,42000,1,1,1704164645123,maybe,True\n", "neither a trade"),
        ("1,42000,1,1,1704164645123,True,True\n2,42000,1,1,1704164645123,maybe,True\n", "maker"),
        ("1,42000,1,1,1704164645123,True,True\n2,42000,1,1,1704164645123,True\n", "6 fields"),
        ("id,price,qty,quote_qty,time,is_buyer_maker\n", "no rows"),
    ],
)
def test_a_wrong_trade_file_is_refused(refused, text, message):
    settings = ImportSettings(instrument=find_instrument("BTCUSDT"), kind="trades")
    assert message in refused(text, settings, importer="binance-vision").message


# -- LEAN -----------------------------------------------------------------------------------------


def test_lean_forex_hours_become_bid_and_ask_bars_at_their_close(load):
    text = "20070101 21:00,1.31927,1.31955,1.3187,1.31935,0,1.32027,1.32055,1.3197,1.32035,0\n"
    settings = ImportSettings(
        instrument=find_instrument("EURUSD"), bars="1-HOUR", timezone="UTC", volume="1000"
    )
    _, found = load(text, settings, importer="lean")
    bid, ask = sorted(found, key=lambda bar: bar.close)
    assert row(bid) == ["1.31927", "1.31955", "1.31870", "1.31935", "1000"]
    assert row(ask) == ["1.32027", "1.32055", "1.31970", "1.32035", "1000"]
    assert bid.ts_init == ask.ts_init == ns(2007, 1, 1, 22)


def test_lean_stock_prices_are_hundredths_of_cents_in_new_york_time(load):
    settings = ImportSettings(instrument=find_instrument("equity:SPY", "ARCX"), bars="1-HOUR-LAST")
    _, (bar,) = load("19980102 09:00,973100,975300,970300,970300,384500\n", settings, importer="lean")
    assert row(bar) == ["97.31", "97.53", "97.03", "97.03", "384500"]
    assert bar.ts_init == ns(1998, 1, 2, 15)


def test_lean_crypto_has_sizes(load):
    text = "20240102 09:00,1,2,1,2,5,1,2,1,2,6\n"
    settings = ImportSettings(instrument=find_instrument("BTCUSDT"), bars="1-HOUR-BID", timezone="UTC")
    _, (bar,) = load(text, settings, importer="lean")
    assert str(bar.volume) == "5.00000"


def test_lean_ticks_take_their_date_from_the_files_name(load, refused):
    settings = ImportSettings(
        instrument=find_instrument("EURUSD"), kind="quotes", timezone="Etc/GMT+5", volume="1000"
    )
    text = "17007,1.39147,1.39148\n86399235,1.38371,1.38374\n"
    assert "holds no date" in refused(text, settings, importer="lean").message
    _, found = load(text, settings, importer="lean", name="20140508_quote.csv")
    assert found[0].ts_init == ns(2014, 5, 8, 5) + 17_007 * 10**6
    assert found[1].ts_init == ns(2014, 5, 8, 5) + 86_399_235 * 10**6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20070101 21:00,1,1,1\n", "4 fields"),
        ("20070101 21:00,1,1,1,1,1\n20070101 22:00,1,1,1,1\n", "5 fields"),
        ("20070101 21:00,1,1,1,x,1\n", "not a number"),
        ("86400000,1,1,1,1,1\n", "milliseconds since midnight"),
        ("-5,1,1,1,1,1\n", "milliseconds since midnight"),
        ("\n", "no rows"),
    ],
)
def test_a_wrong_lean_file_is_refused(refused, text, message):
    settings = ImportSettings(instrument=find_instrument("EURUSD"), bars="1-HOUR-LAST", timezone="UTC")
    assert message in refused(text, settings, importer="lean", name="20070101_x.csv").message


# -- importers of plugins ---------------------------------------------------------------------------


def test_a_plugins_importer_that_breaks_the_contract_is_named_as_the_fault(tmp_path):
    spec = ImporterSpec(
        name="odd", kinds=("bars",), read=lambda path, _: iter([table([1], [10**18], {"px": ["1"]})])
    )
    (tmp_path / "f.bin").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        import_file(tmp_path / "catalog", spec, bars_settings(), tmp_path / "f.bin")
    assert "fault of the importer" in caught.value.remedy


def test_a_kind_an_importer_does_not_give_is_refused(refused):
    settings = ImportSettings(instrument=find_instrument("BTCUSDT"), kind="quotes")
    assert "does not give quotes" in refused("x", settings, importer="binance-vision").message
