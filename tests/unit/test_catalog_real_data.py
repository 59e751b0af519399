"""Real files, every row, against pandas and the standard library reading the same bytes."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from framework.catalog.builtin import register_importers
from framework.catalog.instruments import find_instrument
from framework.catalog.settings import ImportSettings
from framework.catalog.verify import verify_catalog
from framework.catalog.write import import_file

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
SPECS = {spec.name: spec for spec in register_importers()}
CENT = Decimal("0.01")


def source(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path.name} is not on this machine: it lies beside the repository, in ../shared/data")
    return path


def ns(moment):
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def rows_of(path):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0]).decode()
    else:
        text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    return list(csv.reader(io.StringIO(text)))


def stored(catalog, stream, *columns, kind="bars"):
    """Rows in the catalog: nanoseconds and decimals, file after file."""
    found = []
    for file in sorted((catalog / "data" / kind / stream).glob("*.parquet")):
        table = pq.ParquetFile(file).read()
        times = table["ts_init"].cast(pa.int64()).to_pylist()
        found += zip(times, *(table[name].to_pylist() for name in columns), strict=True)
    return found


OHLCV = ("open", "high", "low", "close", "volume")


@pytest.mark.slow
def test_twelve_years_of_lean_forex_hours_arrive_row_by_row(tmp_path):
    path = source("eurusd-oanda_1h_2007-2018.zip")
    settings = ImportSettings(
        instrument=find_instrument("EURUSD"), bars="1-HOUR", timezone="UTC", volume="1000000"
    )
    report = import_file(tmp_path / "c", SPECS["lean"], settings, path)
    rows = rows_of(path)
    assert report.rows == 2 * len(rows) == 148_878
    for side, first in (("BID", 1), ("ASK", 6)):
        expected = [
            (
                ns(datetime.strptime(row[0], "%Y%m%d %H:%M").replace(tzinfo=UTC) + timedelta(hours=1)),
                *(Decimal(text) for text in row[first : first + 4]),
                Decimal(1_000_000),
            )
            for row in rows
        ]
        assert stored(tmp_path / "c", f"EURUSD.SIM-1-HOUR-{side}-EXTERNAL", *OHLCV) == expected
    assert not [finding for finding in verify_catalog(tmp_path / "c") if finding.severity == "error"]


def test_lean_stock_hours_are_scaled_rounded_and_moved_to_utc(tmp_path):
    path = source("spy_1h.zip")
    settings = ImportSettings(
        instrument=find_instrument("equity:SPY", "ARCX"), bars="1-HOUR-LAST", round=True
    )
    report = import_file(tmp_path / "c", SPECS["lean"], settings, path)
    expected, rounded = [], 0
    for time, *prices, volume in rows_of(path):
        local = datetime.strptime(time, "%Y%m%d %H:%M").replace(tzinfo=ZoneInfo("America/New_York"))
        exact = [Decimal(price) / 10_000 for price in prices]
        cents = [price.quantize(CENT, rounding=ROUND_HALF_EVEN) for price in exact]
        rounded += sum(before != after for before, after in zip(exact, cents, strict=True))
        expected.append((ns(local.astimezone(UTC) + timedelta(hours=1)), *cents, Decimal(volume)))
    assert stored(tmp_path / "c", "SPY.ARCX-1-HOUR-LAST-EXTERNAL", *OHLCV) == expected
    assert report.rounded == rounded == 898


def test_a_day_of_lean_ticks_arrives_in_order_and_its_crossed_quotes_are_counted(tmp_path):
    path = source("eurusd-fxcm_tick_2014-05-08.zip")
    settings = ImportSettings(
        instrument=find_instrument("EURUSD", "FXCM"), kind="quotes", timezone="Etc/GMT+5", volume="1000000"
    )
    import_file(tmp_path / "c", SPECS["lean"], settings, path)
    midnight = ns(datetime(2014, 5, 8, 5, tzinfo=UTC))
    rows = rows_of(path)
    expected = [(midnight + int(ms) * 10**6, Decimal(bid), Decimal(ask)) for ms, bid, ask in rows]
    assert stored(tmp_path / "c", "EURUSD.FXCM", "bid_price", "ask_price", kind="quotes") == expected
    crossed = sum(Decimal(bid) > Decimal(ask) for _, bid, ask in rows)
    (found,) = [finding for finding in verify_catalog(tmp_path / "c") if finding.check == "crossed"]
    assert found.count == crossed == 18_285


def test_a_month_of_compressed_futures_minutes_arrives_row_by_row(tmp_path):
    path = source("6EH4-xcme_1m_2024-01.csv.gz")
    settings = ImportSettings(
        instrument=find_instrument("6E"), bars="1-MINUTE-LAST", stamp="open", timezone="UTC"
    )
    import_file(tmp_path / "c", SPECS["csv"], settings, path)
    expected = [
        (
            ns(datetime.fromisoformat(row[0]).replace(tzinfo=UTC) + timedelta(minutes=1)),
            *(Decimal(text) for text in row[1:]),
        )
        for row in rows_of(path)[1:]
    ]
    assert stored(tmp_path / "c", "6E.XCME-1-MINUTE-LAST-EXTERNAL", *OHLCV) == expected
    assert not [finding for finding in verify_catalog(tmp_path / "c") if "tick" in finding.check]


def test_a_month_of_crypto_minutes_is_rounded_as_pandas_reads_it(tmp_path):
    path = source("btcusdt-perp_1m_2022-01.csv")
    settings = ImportSettings(
        instrument=find_instrument("BTCUSDT-PERP"),
        bars="1-MINUTE-LAST",
        stamp="close",
        timezone="UTC",
        round=True,
    )
    report = import_file(tmp_path / "c", SPECS["csv"], settings, path)
    expected = [
        (
            ns(datetime.fromisoformat(row[0]).replace(tzinfo=UTC)),
            *(Decimal(text).quantize(CENT, rounding=ROUND_HALF_EVEN) for text in row[1:5]),
            Decimal(row[5]).quantize(Decimal("0.001"), rounding=ROUND_HALF_EVEN),
        )
        for row in rows_of(path)[1:]
    ]
    found = stored(tmp_path / "c", "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL", *OHLCV)
    assert found == expected
    assert report.rows == len(found) == 45_031


# -- the shipped sample -----------------------------------------------------------------------------

SAMPLE = ROOT / "catalog" / "sample"


def test_the_shipped_sample_has_no_errors():
    assert [finding for finding in verify_catalog(SAMPLE) if finding.severity == "error"] == []


def test_the_shipped_sample_is_what_its_script_builds():
    pytest.importorskip("bokeh_sampledata", reason="the sample's sources are test dependencies")
    built = subprocess.run(
        [sys.executable, ROOT / "catalog" / "build_sample.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert "13 files, 0 differ" in built.stdout


def test_the_sample_agrees_with_another_feed_only_when_its_bars_end_where_it_says(tmp_path):
    """OANDA's hours are documented as UTC at the open; a wrong stamp or zone in the sample would show."""
    path = source("eurusd-oanda_1h_2007-2018.zip")
    asks = {}
    for row in rows_of(path):
        opened = datetime.strptime(row[0], "%Y%m%d %H:%M").replace(tzinfo=UTC)
        asks[ns(opened + timedelta(hours=1))] = Decimal(row[9])
    sample = stored(SAMPLE, "EURUSD.SIM-1-HOUR-LAST-EXTERNAL", "close")

    def median_difference(shift):
        apart = sorted(
            abs(close - asks[ts + shift * 3600 * 10**9])
            for ts, close in sample
            if ts + shift * 3600 * 10**9 in asks
        )
        assert len(apart) > 6000
        return apart[len(apart) // 2]

    assert median_difference(0) < Decimal("0.0001") < Decimal("0.0004") < median_difference(1)
    assert median_difference(-1) > Decimal("0.0004")


def test_stock_days_in_the_sample_end_with_new_yorks_session():
    for ticker in ("AAPL.XNAS", "FB.XNAS", "GOOG.XNAS", "IBM.XNYS", "MSFT.XNAS"):
        for ts, _ in stored(SAMPLE, f"{ticker}-1-DAY-LAST-EXTERNAL", "close"):
            local = datetime.fromtimestamp(ts // 10**9, ZoneInfo("America/New_York"))
            assert (local.hour, local.minute, local.weekday() < 5) == (16, 0, True)
