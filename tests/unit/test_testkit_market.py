"""Simulated markets: seeded, exact, aligned, and accepted by the catalog's own checks."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from nautilus_trader.persistence import ParquetDataCatalog

from framework.catalog.manifest import bar_stamp, verify_hashes
from framework.errors import DataError
from framework.testkit import simulate

HOUR = 3_600_000_000_000


@pytest.mark.parametrize("kind", ["bars", "quotes", "trades"])
def test_the_same_seed_gives_the_same_market_and_another_seed_another(tmp_path, kind):
    one, same, other = (
        simulate(tmp_path / name, ["EURUSD", "ES"], kind=kind, length=50, seed=seed)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert [tape.rows for tape in one.tapes] == [tape.rows for tape in same.tapes]
    assert [tape.rows for tape in one.tapes] != [tape.rows for tape in other.tapes]


def test_another_instrument_beside_it_changes_nothing(tmp_path):
    alone = simulate(tmp_path / "alone", ["EURUSD"], length=50)
    beside = simulate(tmp_path / "beside", ["EURUSD", "UB"], length=50)
    assert alone.tapes[0].rows == beside.tapes[0].rows


@pytest.mark.parametrize(
    "preset", ["EURUSD", "XAUUSD", "BTCUSDT", "BTCUSDT-PERP", "ES", "6E", "UB", "equity:AAPL"]
)
def test_prices_are_whole_ticks_and_bars_hold_their_prices(tmp_path, preset):
    market = simulate(tmp_path / "c", [preset], length=200, seed=3)
    instrument = market.instruments[0]
    tick = instrument.price_increment.as_decimal()
    previous = None
    for bar in market.tapes[0].records():
        prices = [price.as_decimal() for price in (bar.open, bar.high, bar.low, bar.close)]
        assert all(price > 0 and price % tick == 0 for price in prices)
        assert bar.open.precision == instrument.price_precision
        assert prices[1] == max(prices)
        assert prices[2] == min(prices)
        assert previous in (None, prices[0])
        previous = prices[3]


def test_bars_are_stamped_at_their_close_an_hour_apart(tmp_path):
    market = simulate(tmp_path / "c", length=10)
    times = [row.ts for row in market.tapes[0].rows]
    assert times[0] == 1_704_067_200_000_000_000 + HOUR
    assert {after - before for before, after in pairwise(times)} == {HOUR}
    assert bar_stamp(market.catalog, str(market.bar_types[0])) == "close"


def test_quotes_never_cross_and_time_never_goes_back(tmp_path):
    market = simulate(tmp_path / "c", kind="quotes", length=300)
    quotes = market.tapes[0].records()
    assert all(quote.bid_price < quote.ask_price for quote in quotes)
    times = [quote.ts_event for quote in quotes]
    assert times == sorted(set(times))


def test_gaps_and_silence_come_on_request_only(tmp_path):
    whole = simulate(tmp_path / "whole", length=1_000, seed=4)
    holed = simulate(tmp_path / "holed", length=1_000, seed=4, gaps=0.2, silent=0.1)
    assert len(whole.tapes[0].rows) == 1_000
    assert all(row.sizes[0] for row in whole.tapes[0].rows)
    assert 650 < len(holed.tapes[0].rows) < 950
    silent = [row for row in holed.tapes[0].rows if not row.sizes[0]]
    assert 40 < len(silent) < 160
    assert all(len(set(row.prices)) == 1 for row in silent)


def test_the_catalog_holds_what_the_tape_says(tmp_path):
    market = simulate(tmp_path / "c", ["BTCUSDT-PERP"], length=20)
    assert len(verify_hashes(market.catalog)) == 2
    read = ParquetDataCatalog(str(market.catalog)).query_bars([str(market.bar_types[0])])
    assert [str(bar) for bar in read] == [str(bar) for bar in market.tapes[0].records()]


def test_an_unknown_preset_is_refused(tmp_path):
    with pytest.raises(DataError, match="no instrument preset"):
        simulate(tmp_path / "c", ["EURUDS"])


def test_a_changed_market_keeps_its_past(tmp_path):
    market = simulate(tmp_path / "c", length=60)
    moment = market.times[29]
    before = market.tapes[0].rows[:30]
    for name, change in (
        ("ended", lambda tape: tape.until(moment)),
        ("shuffled", lambda tape: tape.shuffled_after(moment, 1)),
        ("dearer", lambda tape: tape.scaled_after(moment, 10)),
    ):
        changed = market.rewritten(tmp_path / name, change)
        assert changed.tapes[0].rows[:30] == before
        verify_hashes(changed.catalog)


def test_a_shuffled_future_has_the_same_moments_and_the_same_events_in_another_order(tmp_path):
    market = simulate(tmp_path / "c", length=60)
    rows = market.tapes[0].rows
    shuffled = market.tapes[0].shuffled_after(rows[29].ts, 1).rows
    assert [row.ts for row in shuffled] == [row.ts for row in rows]
    assert sorted(row[1:] for row in shuffled) == sorted(row[1:] for row in rows)
    assert shuffled != rows


def test_a_dearer_future_is_exactly_ten_times_dearer(tmp_path):
    market = simulate(tmp_path / "c", ["UB"], length=10)
    tape = market.tapes[0].scaled_after(market.times[4], 10)
    plain, dear = market.tapes[0].records()[5], tape.records()[5]
    assert dear.close.as_decimal() == plain.close.as_decimal() * Decimal(10)


def test_a_thin_market_trades_no_more_than_asked_and_stays_silent_where_it_was(tmp_path):
    market = simulate(tmp_path / "c", length=100, silent=0.2)
    assert {row.sizes[0] for row in market.tapes[0].thinned(4).rows} == {0, 4}
