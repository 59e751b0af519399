"""What a run refuses to read, before the engine opens a file."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec
import pytest
from nautilus_trader.model import Bar, BarType, Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import Strategy

from framework import DataError, PluginConfig, StrategySpec
from framework.catalog import manifest
from framework.catalog.streams import adopt
from framework.compose import Stream
from framework.engine import backtest
from framework.engine.feed import open_feed
from framework.testkit.market import simulate
from framework.testkit.nodes import plan_strategy


class OneBarType(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Idle(Strategy):
    pass


SPEC = StrategySpec(name="idle", strategy=Idle, config=OneBarType)


@pytest.fixture
def market(tmp_path):
    return simulate(tmp_path / "catalog", length=48)


@pytest.fixture
def plan(market):
    return plan_strategy(SPEC, OneBarType(bar_type=market.bar_types[0]), catalog=market.catalog)


def bar_file(market):
    (file,) = market.catalog.glob("data/bars/*/*.parquet")
    return file


def test_a_feed_counts_and_spans_what_the_run_will_replay(market, plan):
    feed = open_feed(plan)
    assert dict(feed.rows) == {"bars": 48}
    assert (feed.start, feed.end) == (market.times[0], market.times[-1])
    assert len(feed.hashes) == 2, "the bars and the instrument"


def test_start_and_end_are_inclusive(market, plan):
    part = open_feed(replace(plan, start=market.times[10], end=market.times[19]))
    assert dict(part.rows) == {"bars": 10}
    result = backtest.run(replace(plan, start=market.times[10], end=market.times[19]))
    assert (result.bars, result.start, result.end) == (10, market.times[10], market.times[19])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda market, plan: replace(plan, catalog=market.catalog / "absent"), "no catalog at"),
        (lambda market, plan: replace(plan, start=market.times[-1] + 1), "in the run's range"),
        (
            lambda market, plan: replace(plan, start=market.times[3] + 1, end=market.times[4] - 1),
            "has no data in the run's range",
        ),
        (
            lambda market, plan: replace(plan, streams=(Stream("quotes", market.instrument_ids[0]),)),
            "no quotes of EUR/USD.SIM in the catalog",
        ),
    ],
)
def test_a_run_over_nothing_is_an_error_that_says_what_is_missing(market, plan, damage, says):
    with pytest.raises(DataError, match=says) as caught:
        backtest.run(damage(market, plan))
    assert caught.value.remedy


def test_a_flipped_bit_is_refused(market, plan):
    file = bar_file(market)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="parquet"):
        backtest.run(plan)


def test_a_truncated_file_is_refused(market, plan):
    file = bar_file(market)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match="parquet"):
        backtest.run(plan)


def test_a_file_nobody_imported_is_refused(market, plan):
    (market.catalog / manifest.FILE_NAME).unlink()
    with pytest.raises(DataError, match="not in the catalog's manifest"):
        backtest.run(plan)


def test_bars_not_known_to_be_stamped_at_their_close_are_refused(market, plan):
    known = manifest.read_manifest(market.catalog)
    manifest.write_manifest(market.catalog, msgspec.structs.replace(known, bars={}))
    with pytest.raises(DataError, match="not known to be stamped at the bar's close") as caught:
        backtest.run(plan)
    assert "shows the future" in caught.value.remedy


def test_data_of_another_precision_than_its_instrument_is_refused(market, plan):
    shutil.rmtree(bar_file(market).parent)
    bar_type = market.bar_types[0]
    bars = [
        Bar(bar_type, *([Price.from_str("1.10")] * 4), Quantity.from_str("1000"), time, time)
        for time in market.times
    ]
    ParquetDataCatalog(str(market.catalog)).write_bars(bars)
    (market.catalog / manifest.FILE_NAME).unlink()
    adopt(market.catalog, stamp="close")
    with pytest.raises(DataError, match="is stored with price_precision 2, its instrument has 5"):
        backtest.run(plan)


def test_data_without_its_instrument_is_refused(market, plan):
    for folder in market.catalog.glob("data/*"):
        if folder.name != "bars":
            shutil.rmtree(folder)
    (market.catalog / manifest.FILE_NAME).unlink()
    adopt(market.catalog, stamp="close")
    with pytest.raises(DataError, match="no definition of EUR/USD.SIM"):
        backtest.run(plan)


def test_quotes_and_trades_are_replayed_and_drawn(tmp_path):
    for kind in ("quotes", "trades"):
        market = simulate(tmp_path / kind, kind=kind, length=6_000, step="1-MINUTE")
        price = "MID" if kind == "quotes" else "LAST"
        config = OneBarType(bar_type=BarType.from_str(f"{market.instrument_ids[0]}-1-HOUR-{price}-INTERNAL"))
        result = backtest.run(plan_strategy(SPEC, config, catalog=market.catalog, data=market.streams()))
        assert getattr(result, kind) == 6_000
        prices = result.prices["EUR/USD.SIM"]
        assert 1_000 <= len(prices) <= 4_000
        assert (prices["high"] >= prices[["open", "close", "low"]].max(axis=1)).all()
        assert (prices["low"] <= prices[["open", "close", "high"]].min(axis=1)).all()
        assert prices.index.is_monotonic_increasing
        assert prices.index[-1].value == market.times[-1]
