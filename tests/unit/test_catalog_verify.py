"""Each planted fault is found, and a market's ordinary silence is not called one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from nautilus_trader.model import Bar, BarType, Price, Quantity, QuoteTick
from nautilus_trader.persistence import ParquetDataCatalog

from framework import DataError
from framework.catalog.gaps import gap_findings
from framework.catalog.instruments import find_instrument
from framework.catalog.streams import adopt
from framework.catalog.verify import verify_catalog

HOUR = 3_600_000_000_000
MONDAY = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "catalog").mkdir()
    return tmp_path / "catalog"


@pytest.fixture
def findings(folder):
    """Writes bars with the engine, adopts them, and gives the findings by check."""

    def run(bars=(), *, instrument="EURUSD", define=True):
        known = find_instrument(instrument)
        catalog = ParquetDataCatalog(str(folder))
        if define:
            catalog.write_instruments([known])
        if bars:
            catalog.write_bars(bars)
        adopt(folder, stamp="close")
        return {finding.check: finding for finding in verify_catalog(folder)}

    return run


def bar(hour, close="1.1", volume=1, price_type="LAST", instrument="EURUSD", **prices):
    known = find_instrument(instrument)
    shown = {"open": close, "high": close, "low": close} | prices
    values = [
        Price.from_str(f"{float(shown[name]):.{known.price_precision}f}") for name in ("open", "high", "low")
    ]
    values.append(Price.from_str(f"{float(close):.{known.price_precision}f}"))
    ts = MONDAY + hour * HOUR
    kind = BarType.from_str(f"{known.id}-1-HOUR-{price_type}-EXTERNAL")
    return Bar(kind, *values, Quantity.from_int(volume), ts, ts)


def test_a_clean_day_has_no_findings(findings):
    assert findings([bar(n) for n in range(24)]) == {}


def test_a_hole_is_a_warning_with_its_length_and_place(findings):
    found = findings([bar(n) for n in range(24) if n not in {10, 11}])["gaps"]
    assert (found.severity, found.count) == ("warning", 1)
    assert "03:00:00 from 2024-01-01T09:00:00Z" in found.message


def test_bars_at_the_same_time_are_an_error(findings):
    found = findings([*(bar(n) for n in range(5)), bar(4, "1.2")])["duplicates"]
    assert (found.severity, found.count) == ("error", 1)
    assert "2024-01-01T04:00:00Z" in found.message


def test_prices_not_above_zero_are_an_error_but_for_futures(findings):
    found = findings([bar(1), bar(2, "1", low="0")])["low not above 0"]
    assert (found.severity, found.count) == ("error", 1)


def test_futures_below_zero_are_a_warning(findings):
    found = findings([bar(1, "-37.5", instrument="ES")], instrument="ES")
    assert {finding.severity for finding in found.values()} == {"warning"}
    assert found["close not above 0"].count == 1


def test_prices_between_ticks_are_a_warning(findings):
    bars = [bar(1, "123.03125", instrument="UB"), bar(2, "123.04", instrument="UB")]
    found = findings(bars, instrument="UB")
    assert {check for check in found if "off the tick" in check} == {
        f"{name} off the tick" for name in ("open", "high", "low", "close")
    }
    assert found["close off the tick"].count == 1


def test_runs_without_volume_are_counted(findings):
    bars = [bar(n, volume=0 if 3 <= n < 15 or n == 20 else 1) for n in range(24)]
    found = findings(bars)["volume"]
    assert (found.severity, found.count) == ("warning", 13)
    assert "12 bars from 2024-01-01T03:00:00Z" in found.message


def test_a_short_quiet_spell_is_only_worth_knowing(findings):
    assert findings([bar(n, volume=int(n != 7)) for n in range(24)])["volume"].severity == "info"


def test_a_series_without_any_volume_will_not_fill(findings):
    assert "will not fill" in findings([bar(n, volume=0) for n in range(24)])["volume"].message


def test_bid_bars_above_the_ask_and_bars_without_their_other_side_are_found(findings):
    bids = [bar(n, "1.1", price_type="BID") for n in range(5)]
    asks = [bar(n, "1.0" if n == 3 else "1.2", price_type="ASK") for n in range(4)]
    catalog_findings = findings(bids) | findings(asks, define=False)
    assert (catalog_findings["crossed"].severity, catalog_findings["crossed"].count) == ("error", 1)
    assert "2024-01-01T03:00:00Z" in catalog_findings["crossed"].message
    assert catalog_findings["sides"].count == 1


def test_crossed_quotes_are_an_error(folder):
    known = find_instrument("EURUSD")
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([known])
    one = Quantity.from_int(1)
    catalog.write_quote_ticks(
        [
            QuoteTick(known.id, Price.from_str(bid), Price.from_str("1.10000"), one, one, n, n)
            for n, bid in enumerate(("1.09999", "1.10000", "1.10001"), start=MONDAY)
        ]
    )
    adopt(folder, stamp="close")
    found = {finding.check: finding for finding in verify_catalog(folder)}
    assert (found["crossed"].severity, found["crossed"].count) == ("error", 1)


def test_a_series_without_its_instrument_is_an_error(findings):
    assert findings([bar(1), bar(2)], define=False)["instrument"].severity == "error"


def test_an_empty_catalog_is_a_warning(folder):
    assert [finding.check for finding in verify_catalog(folder)] == ["empty"]


def test_a_changed_file_is_an_error_and_its_rows_are_not_read(findings, folder):
    findings([bar(n) for n in range(24)])
    (file,) = (folder / "data" / "bars").rglob("*.parquet")
    file.write_bytes(b"\xff" * file.stat().st_size)
    found = verify_catalog(folder)
    assert [finding.check for finding in found] == ["hash"]
    assert found[0].severity == "error"


def test_a_missing_catalog_is_refused(tmp_path):
    with pytest.raises(DataError):
        verify_catalog(tmp_path / "none")


# -- gaps -----------------------------------------------------------------------------------------


def market(open_when, days, step=timedelta(minutes=30), start=datetime(2024, 1, 1, tzinfo=UTC)):
    moments = (start + n * step for n in range(days * int(timedelta(days=1) / step)))
    return np.array([int(moment.timestamp()) * 10**9 for moment in moments if open_when(moment)])


def forex(moment):
    day, hour = moment.weekday(), moment.hour
    return not ((day == 4 and hour >= 22) or day == 5 or (day == 6 and hour < 22))


def future(moment):
    return forex(moment) and moment.hour != 22


def stock(moment):
    return moment.weekday() < 5 and 14 <= moment.hour < 21


@pytest.mark.parametrize("open_when", [forex, future, stock, lambda moment: moment.weekday() < 5])
def test_weekends_and_session_breaks_are_not_holes(open_when):
    assert [severity for severity, *_ in gap_findings(market(open_when, 60), bars=True)] == ["info"]


@pytest.mark.parametrize("open_when", [forex, future, stock])
def test_a_missing_day_is_found_among_weekends_and_breaks(open_when):
    lost = datetime(2024, 1, 24, tzinfo=UTC).date()
    ts = market(lambda moment: open_when(moment) and moment.date() != lost, 60)
    (warning,) = [finding for finding in gap_findings(ts, bars=True) if finding[0] == "warning"]
    assert warning[2] == 1
    assert "2024-01-23" in warning[1]


def test_a_missing_week_is_not_taken_for_a_weekend():
    ts = market(lambda moment: forex(moment) and not 8 <= moment.day <= 12, 28)
    (warning,) = [finding for finding in gap_findings(ts, bars=True) if finding[0] == "warning"]
    assert warning[2] == 1


def test_of_ticks_the_longest_silence_is_told():
    ts = np.array([0, 1, 5, 5 + 2 * HOUR, 6 + 2 * HOUR]) + MONDAY
    assert [(severity, count) for severity, _, count in gap_findings(ts, bars=False)] == [("warning", 1)]


def test_a_single_row_has_no_gaps():
    assert list(gap_findings(np.array([MONDAY]), bars=True)) == []
